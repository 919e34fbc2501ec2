#include "flows/ode/curve.h"

#include <algorithm>

namespace gradflow {
namespace {

// The polynomial of x from 0 to 1, in which h k are the slopes at both ends.
Var between(const Curve::Piece& piece, double t) {
  const auto& [from, to, y_0, y_1, middle, k_0, k_1] = piece;
  const real h = static_cast<real>(to - from), x = static_cast<real>((t - from) / (to - from));
  const Var d_0 = h * k_0, d_1 = h * k_1;
  const Var a = 2 * (d_1 - d_0) - 8 * (y_1 + y_0) + 16 * middle;
  const Var b = 5 * d_0 - 3 * d_1 + 18 * y_0 + 14 * y_1 - 32 * middle;
  const Var c = d_1 - 4 * d_0 - 11 * y_0 - 5 * y_1 + 16 * middle;
  return y_0 + x * (d_0 + x * (c + x * (b + x * a)));
}

}  // namespace

Curve::Curve(std::vector<Piece> pieces, const Effort& effort)
    : pieces_(std::move(pieces)), effort_(effort) {
  require(!pieces_.empty(), "Curve: no steps given; at least 1");
}

Var Curve::at(double t) const {
  const double from = pieces_.front().from, to = pieces_.back().to;
  require(std::min(from, to) <= t && t <= std::max(from, to),
          "Curve::at: time {} given; from {} to {}", t, from, to);
  const auto ends_before = [&](const Piece& piece, double time) {
    return from < to ? piece.to < time : piece.to > time;
  };
  const Piece& piece = *std::lower_bound(pieces_.begin(), pieces_.end(), t, ends_before);
  if (t == piece.from) return piece.y_0;
  return t == piece.to ? piece.y_1 : between(piece, t);
}

}  // namespace gradflow
