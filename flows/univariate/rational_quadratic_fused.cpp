#include "flows/univariate/rational_quadratic_fused.h"

#include <algorithm>
#include <cmath>

#include "tensor/kernels/lanes.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

constexpr const char* kName = "rational_quadratic";

struct Curve {  // what is the same for all points
  Way way;
  Index K;
  double box;
  Ends ends;
  Index R() const { return ends == Ends::joined ? 3 * K : 3 * K - 1; }
  // What is left of the box when each bin has its least: the softmax shares it out.
  double spread() const { return 2 * box * (1 - double(K) * kSplineLeast); }
  // Which raw number says the slope at a knot; -1: none, it is 1.
  Index slope_at(Index knot) const {
    if (ends == Ends::joined) return 2 * K + knot % K;
    return knot == 0 || knot == K ? -1 : 2 * K + knot - 1;
  }
};

// A bin of one axis. The softmax of its K raw numbers is per_total times their exponentials.
struct Bin {
  Index k = 0;
  double begin = 0;            // the knot before it
  real size = 0;               // as far as the next
  real share = 0, before = 0;  // its part of the softmax, and that of all before it
  real per_total = 0;
};

// The bin in which a walk along the axis stops: `stops` is asked with each but the last, and with
// the knot after it. e (K): exponentials.
template <class Stops>
Bin walk(const Curve& curve, const real* e, Stops stops) {
  const real total = sum_of_few(e, curve.K);
  const double least = 2 * curve.box * kSplineLeast, unit = curve.spread() / double(total);
  Bin bin{.begin = -curve.box, .per_total = 1 / total};
  double size = least + unit * double(e[0]), before = 0;
  while (bin.k < curve.K - 1 && !stops(bin.k, bin.begin + size)) {
    before += double(e[bin.k]);
    bin.begin += size;
    size = least + unit * double(e[++bin.k]);
  }
  // The last knot is where it must be, whatever the sum of all bins has been rounded to.
  bin.size = real(bin.k == curve.K - 1 ? curve.box - bin.begin : size);
  bin.share = e[bin.k] * bin.per_total;
  bin.before = real(before) * bin.per_total;
  return bin;
}

// The piece of its curve on which a point is.
struct Piece {
  bool inside = false;  // the box: else there is none
  Bin x, y;
  real d_0 = 1, d_1 = 1;
  real u = 0;  // where on it, from 0 to 1
  real s() const { return y.size / x.size; }
  real q() const { return d_0 + d_1 - 2 * s(); }
};

struct Heights {  // what the formulas are made of, at u
  real p, N, E, M;
};
Heights heights(const Piece& f) {
  const real u = f.u, v = 1 - u, p = u * v, s = f.s();
  return {p, s * u * u + f.d_0 * p, s + f.q() * p, f.d_1 * u * u + 2 * s * p + f.d_0 * v * v};
}
real slope(const Piece& f) {
  const Heights at = heights(f);
  return f.s() * f.s() * at.M / (at.E * at.E);
}
real height(const Piece& f, double box) {
  const Heights at = heights(f);
  return real(std::clamp(f.y.begin + double(f.y.size * at.N / at.E), -box, box));
}
// As place() in rational_quadratic.cpp.
real place(const Piece& f, double y) {
  const real e = std::min(real((y - f.y.begin) / double(f.y.size)), real(1)), s = f.s(), q = f.q();
  const real a = e * q + s - f.d_0, b = f.d_0 - e * q, c = -s * e;
  const real root = std::sqrt(std::max(b * b - 4 * a * c, real(0)));
  return std::clamp(2 * c / (-b - root), real(0), real(1));
}

// What the loops compute, of points (B, D), the last M of whose columns move, n = B M in all.
struct Numbers {
  Tensor points, log_det;  // (B, D), (B)
  Tensor e;                // (n, 2 K): exponentials of the widths, then of the heights
  Tensor d;                // (n, 2): slopes at the knots before and after
  std::shared_ptr<const std::vector<Piece>> pieces;
};

// e^(raw - the largest): the softmax but for its total.
Tensor exponentials(const Curve& curve, const Tensor& raw) {
  const Index K = curve.K, R = curve.R(), n = raw.size() / R;
  Tensor less({n, 2 * K});
  real* to = less.mutable_data();
  const real* r = raw.data();
  for (Index i = 0; i < n; ++i, r += R)
    for (const real* from : {r, r + K}) {
      real most = from[0];
#pragma omp simd reduction(max : most)
      for (Index k = 0; k < K; ++k) most = most > from[k] ? most : from[k];
      for (Index k = 0; k < K; ++k) *to++ = from[k] - most;
    }
  return kernel::map(kName, less, [](real v) { return math::exp(v); });
}

Piece piece_at(const Curve& curve, real v, const real* e) {
  Piece f{.inside = std::abs(double(v)) <= curve.box, .x = {}, .y = {}};
  if (!f.inside) return f;
  const auto there = [v](Index, double knot) { return double(v) < knot; };
  const auto at = [](Index bin) { return [bin](Index k, double) { return k == bin; }; };
  if (curve.way == Way::to_latent) {
    f.x = walk(curve, e, there);
    f.y = walk(curve, e + curve.K, at(f.x.k));
  } else {
    f.y = walk(curve, e + curve.K, there);
    f.x = walk(curve, e, at(f.y.k));
  }
  return f;
}

// The slopes at both ends of each piece; where they are fixed, whatever.
Tensor slopes(const Curve& curve, const Tensor& raw, const std::vector<Piece>& pieces) {
  Tensor c = zeros({std::ssize(pieces), 2});
  real* to = c.mutable_data();
  const real* r = raw.data();
  for (const Piece& f : pieces) {
    for (const Index knot : {f.x.k, f.x.k + 1}) {
      const Index at = curve.slope_at(knot);
      *to++ = at < 0 ? real(0) : r[at];
    }
    r += curve.R();
  }
  return kernel::map(kName, c, [](real v) {
    const real a = v + kSplineOne;
    return kSplineLeast + (std::max(a, real(0)) + math::log1p(math::exp(-std::abs(a))));
  });
}

Numbers computed(const Curve& curve, const Tensor& points, const Tensor& raw, LogDet log_det) {
  const Index B = points.rows(), D = points.shape()[1], M = raw.shape()[1] / curve.R();
  const bool latent = curve.way == Way::to_latent;
  Numbers f{points, Tensor(), exponentials(curve, raw), {}, {}};
  const auto pieces = std::make_shared<std::vector<Piece>>(static_cast<std::size_t>(B * M));
  real* y = f.points.mutable_data() + (D - M);
  const real* e = f.e.data();
  for (std::size_t i = 0; i < pieces->size(); ++i, e += 2 * curve.K)
    (*pieces)[i] = piece_at(curve, y[Index(i) / M * D + Index(i) % M], e);
  f.d = slopes(curve, raw, *pieces);
  Tensor stretch({B, M});
  for (std::size_t i = 0; i < pieces->size(); ++i) {
    Piece& piece = (*pieces)[i];
    stretch.mutable_data()[i] = 1;
    if (!piece.inside) continue;
    real& v = y[Index(i) / M * D + Index(i) % M];
    if (curve.slope_at(piece.x.k) >= 0) piece.d_0 = f.d.data()[2 * i];
    if (curve.slope_at(piece.x.k + 1) >= 0) piece.d_1 = f.d.data()[2 * i + 1];
    piece.u = latent ? std::clamp(real((double(v) - piece.x.begin) / double(piece.x.size)), real(0),
                                  real(1))
                     : place(piece, double(v));
    v = latent ? height(piece, curve.box) : real(piece.x.begin + double(piece.u * piece.x.size));
    stretch.mutable_data()[i] = slope(piece);
  }
  f.pieces = pieces;
  if (log_det == LogDet::no) return f;
  const real sign = latent ? real(1) : real(-1);
  f.log_det =
      kernel::sum(kernel::map(kName, stretch, [sign](real v) { return sign * math::log(v); }), 1);
  return f;
}

// Of gy z + gl log(dz/dx): by x, by the corner and the sides of the piece, and by its slopes.
struct Partials {
  real x, X, w, Y, h, d_0, d_1;
};
Partials partials(const Piece& f, real gy, real gl) {
  const auto [p, N, E, M] = heights(f);
  const real u = f.u, v = 1 - u, w = f.x.size, h = f.y.size, s = f.s(), q = f.q();
  const real gN = gy * h / E, gE = -gy * h * N / (E * E) - 2 * gl / E, gM = gl / M, gq = gE * p;
  const real gs = 2 * gl / s + gN * u * u + gE + 2 * p * gM - 2 * gq;
  const real gp = gN * f.d_0 + gE * q + 2 * s * gM;
  const real gu = 2 * s * u * gN + 2 * f.d_1 * u * gM - 2 * f.d_0 * v * gM + gp * (1 - 2 * u);
  return {.x = gu / w,
          .X = -gu / w,
          .w = -(gu * u + gs * s) / w,
          .Y = gy,
          .h = gy * N / E + gs / w,
          .d_0 = gN * p + gq + gM * v * v,
          .d_1 = gq + gM * u * u};
}

// By the K raw numbers of one axis, P = softmax(raw) (as e, but for the total):
//   knot_k = -B + .. + spread (P_0 + ... + P_{k-1}),   size_k = .. + spread P_k
//   draw_j = P_j (A_j - sum_i P_i A_i),   A_j = spread d(knot) before bin k, spread d(size) at k,
//   else 0
void share_out(const Curve& curve, const Bin& bin, const real* e, real d_knot, real d_size,
               real* draw) {
  const real spread = real(curve.spread()), before = spread * d_knot, here = spread * d_size;
  const real mean = before * bin.before + here * bin.share, scale = bin.per_total;
  for (Index j = 0; j < bin.k; ++j) draw[j] = e[j] * scale * (before - mean);
  draw[bin.k] = bin.share * (here - mean);
  for (Index j = bin.k + 1; j < curve.K; ++j) draw[j] = -e[j] * scale * mean;
}

// To the latent side that is all. To the data side, from z to x with log_det = -log(dz/dx), the
// curve stays z(x, raw): where z and raw move by dz and draw, x moves by dx = (dz - z_raw draw) /
// z_x. So
//   d(raw) of  dx x + d_log_det log_det  is that of  -g z - d_log_det log(z_x) at a fixed x,
//   with       g = dz = (dx - d_log_det (log z_x)_x) / z_x.
// d_log_det: null if it was declined.
std::array<Tensor, 2> gradients(const Curve& curve, const Numbers& f, const Tensor& raw,
                                const Tensor& d_points, const Tensor* d_log_det) {
  const Index D = d_points.shape()[1], R = curve.R(), K = curve.K, M = raw.shape()[1] / R;
  Tensor dx = d_points, draw = zeros(raw.shape());
  // softplus(a) has the derivative sigmoid(a) = 1 - e^-softplus(a)
  const Tensor bend =
      kernel::map(kName, f.d, [](real d) { return 1 - math::exp(kSplineLeast - d); });
  real *d = dx.mutable_data() + (D - M), *to = draw.mutable_data();
  const real *e = f.e.data(), *sigmoid = bend.data();
  Index i = 0;
  for (const Piece& piece : *f.pieces) {
    if (piece.inside) {
      real& given = d[i / M * D + i % M];
      real gl = d_log_det ? d_log_det->data()[i / M] : 0, gy = given;
      if (curve.way == Way::to_data) {
        gl = -gl;
        gy = -(given + gl * partials(piece, 0, 1).x) / slope(piece);
      }
      const Partials g = partials(piece, gy, gl);
      given = curve.way == Way::to_latent ? g.x : -gy;
      share_out(curve, piece.x, e, g.X, g.w, to);
      share_out(curve, piece.y, e + K, g.Y, g.h, to + K);
      const Index first = curve.slope_at(piece.x.k), second = curve.slope_at(piece.x.k + 1);
      if (first >= 0) to[first] += g.d_0 * sigmoid[0];
      if (second >= 0) to[second] += g.d_1 * sigmoid[1];
    }
    ++i, e += 2 * K, sigmoid += 2, to += R;
  }
  return {std::move(dx), std::move(draw)};
}

}  // namespace

Univariate::Map fused_rational_quadratic(Way way, const SplineOptions& options, Ends ends) {
  const Curve curve{way, options.bins, double(options.box), ends};
  const auto composed = [=](const std::array<Var, 2>& of, LogDet log_det) {  // what it means
    return composed_rational_quadratic(options, ends).composed(way, of[0], of[1], log_det);
  };
  return [=](const Var& points, const Var& raw, LogDet log_det) -> Mapped {
    const Numbers f = computed(curve, points.value(), raw.value(), log_det);
    if (!points.tracked() && !raw.tracked()) return {f.points, f.log_det};
    const std::array arguments{points, raw};
    if (log_det == LogDet::no)
      return {record_fused(
          kName, std::array{f.points}, arguments,
          [=](const std::array<Var, 2>& of) { return std::array{composed(of, LogDet::no).points}; },
          [=, r = raw.value()](const std::array<Tensor, 1>& dy, const std::array<bool, 2>&) {
            return gradients(curve, f, r, dy[0], nullptr);
          })[0]};
    const auto y = record_fused(
        kName, std::array{f.points, f.log_det}, arguments,
        [=](const std::array<Var, 2>& of) {
          const Mapped mapped = composed(of, LogDet::yes);
          return std::array{mapped.points, mapped.log_det};
        },
        [=, r = raw.value()](const std::array<Tensor, 2>& dy, const std::array<bool, 2>&) {
          return gradients(curve, f, r, dy[0], &dy[1]);
        });
    return {y[0], y[1]};
  };
}

}  // namespace gradflow
