#include "flows/univariate/rational_quadratic.h"

#include <fmt/format.h>

#include <cmath>

#include "flows/univariate/rational_quadratic_fused.h"
#include "flows/univariate_fused.h"

namespace gradflow {
namespace {

// The knots along one axis, from -B to B: raw (B, M, K) -> (B, M, K + 1). The last one is exactly
// there, whatever the sum of all bins has been rounded to.
Var knots(const Var& raw, real box) {
  const Index K = raw.shape()[2];
  const Tensor end(Shape{raw.rows(), raw.shape()[1], 1}, box);
  const Var shares = kSplineLeast + (1 - real(K) * kSplineLeast) * softmax(raw, 2);
  const Var inner = slice(cumsum(2 * box * shares, 2), 2, 0, K - 1) - box;
  return concat({-Var(end), inner, end}, 2);
}

// The slopes at all knots: raw (B, M, K - 1), or K if the ends are joined -> (B, M, K + 1).
Var slopes(const Var& raw, Ends ends) {
  const Var inner = kSplineLeast + softplus(raw + kSplineOne);
  if (ends == Ends::joined) return concat({inner, slice(inner, 2, 0, 1)}, 2);
  const Tensor one = ones({raw.rows(), raw.shape()[1], 1});
  return concat({one, inner, one}, 2);
}

// How many inner knots are not above v: the number of its bin.   v (B, M, 1), knots (B, M, K + 1)
Tensor bin_of(const Tensor& v, const Tensor& knots) {
  const Tensor inner = kernel::slice(knots, 2, 1, knots.shape()[2] - 1);
  const auto reaches = [](real a, real knot) { return real(a >= knot); };
  return kernel::sum(kernel::map("rational_quadratic", v, inner, reaches), 2, KeepAxis::yes);
}

struct Piece {  // of the curve, for each point: (B, M, 1)
  Var x, w, y, h, d_0, d_1;
  Var s = h / w, q = d_0 + d_1 - 2 * s;
};

// The piece on which v is, a number along the axis of widths or of heights.
enum class Along { widths, heights };
Piece piece_at(const Tensor& v, Along along, const Var& raw, const SplineOptions& o, Ends ends) {
  const Index R = raw.shape()[2], K = o.bins;
  const Var X = knots(slice(raw, 2, 0, K), o.box), Y = knots(slice(raw, 2, K, 2 * K), o.box);
  const Var d = slopes(slice(raw, 2, 2 * K, R), ends);
  const Tensor k = bin_of(v, (along == Along::widths ? X : Y).value());
  const Tensor next = kernel::map("rational_quadratic", k, [](real i) { return i + 1; });
  const auto at = [&](const Var& of, const Tensor& which) { return take_along(of, which, 2); };
  return {at(X, k),   at(X, next) - at(X, k), at(Y, k), at(Y, next) - at(Y, k), at(d, k),
          at(d, next)};
}

Var height(const Piece& f, const Var& u) {
  const Var p = u * (1 - u);
  return f.y + f.h * (f.s * square(u) + f.d_0 * p) / (f.s + f.q * p);
}

Var log_slope(const Piece& f, const Var& u) {
  const Var p = u * (1 - u);
  return 2 * log(f.s) + log(f.d_1 * square(u) + 2 * f.s * p + f.d_0 * square(1 - u)) -
         2 * log(f.s + f.q * p);
}

// u where the piece has the height y. With e = (y - Y_k) / h it solves a u^2 + b u + c = 0; of the
// two forms of the solution this is the one in which nothing cancels. Under the root is the square
// of an expression that is never 0, which rounding alone can bring there.
Var place(const Piece& f, const Var& y) {
  const Var e = (y - f.y) / f.h;
  const Var a = e * f.q + f.s - f.d_0, b = f.d_0 - e * f.q, c = -f.s * e;
  constexpr real kTiny = real(1e-30);
  const Var root = sqrt(maximum(square(b) - 4 * a * c, kTiny));
  return clamp(2 * c / (-b - root), 0, 1);
}

// What is outside the box is put on its edge first: a formula that is evaluated where it does not
// hold gives NaN there, and where() would hand on the NaN of its derivative.
Mapped mapped(Along along, const Var& points, const Var& raw, const SplineOptions& o, Ends ends,
              LogDet log_det) {
  const Index B = points.rows(), M = points.shape()[1];
  const Shape each{B, M, 1};
  const auto within = [box = o.box](real v) { return real(std::abs(v) <= box); };
  const Tensor inside = kernel::map("rational_quadratic", points.value(), within).reshaped(each);
  const Var v = reshape(points, each), in_box = clamp(v, -o.box, o.box);
  const Piece f =
      piece_at(in_box.value(), along, reshape(raw, {B, M, raw.shape()[1] / M}), o, ends);
  const bool latent = along == Along::widths;
  const Var u = latent ? (in_box - f.x) / f.w : place(f, in_box);
  const Var moved = where(inside, latent ? height(f, u) : f.x + u * f.w, v);
  Mapped result{reshape(moved, {B, M})};
  if (log_det == LogDet::no) return result;
  const Var logs = sum(reshape(where(inside, log_slope(f, u), 0), {B, M}), 1);
  result.log_det = latent ? logs : -logs;
  return result;
}

std::vector<std::string> names(Index bins, Ends ends) {
  std::vector<std::string> all;
  for (const char* kind : {"width", "height", "slope"})
    for (Index k = 0; k < bins; ++k) all.push_back(fmt::format("{}{}", kind, k));
  if (ends == Ends::straight) all.pop_back();
  return all;
}

}  // namespace

Univariate composed_rational_quadratic(const SplineOptions& o, Ends ends) {
  require(2 <= o.bins && o.bins <= 500, "rational_quadratic: {} bins given; 2 to 500", o.bins);
  require(o.box > 0 && std::isfinite(o.box),
          "rational_quadratic: a box of {} given; finite, more than 0", o.box);
  return {"rational_quadratic", names(o.bins, ends),
          [=](const Var& x, const Var& raw, LogDet log_det) {
            return mapped(Along::widths, x, raw, o, ends, log_det);
          },
          [=](const Var& z, const Var& raw, LogDet log_det) {
            return mapped(Along::heights, z, raw, o, ends, log_det);
          }};
}

Univariate rational_quadratic(const SplineOptions& options, Ends ends) {
  return with_fused(composed_rational_quadratic(options, ends),
                    plain_rational_quadratic(options, ends));
}

}  // namespace gradflow
