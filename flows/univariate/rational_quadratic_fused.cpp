// In short: some points at a time walk along both axes together, a bin after another, each until
// it has come to its own. So all loops are over points, and become vector instructions.

#include "flows/univariate/rational_quadratic_fused.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

constexpr Index kTogether = 64;  // points
template <class Number>
struct Few {  // a number for each
  Number data[kTogether];
  Number& operator[](Index b) { return data[b]; }
  Number operator[](Index b) const { return data[b]; }
};
using Reals = Few<real>;
using Doubles = Few<double>;

struct Curve {  // what is the same for all points
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

// Rows of numbers, one for each point: an axis of the box, and the bin of it where a point is.
struct Axis {
  RawRows<real> e;  // K rows: exponentials of the raw numbers. The softmax is e scale
  real *bin, *size, *share, *before, *scale;  // its number; its part of the softmax, that before it
  static constexpr Index rows(Index K) { return K + 5; }
  Axis(Index K, RawRows<real> kept)
      : e(kept),
        bin(kept[K]),
        size(kept[K + 1]),
        share(kept[K + 2]),
        before(kept[K + 3]),
        scale(kept[K + 4]) {}
};

// What is kept of a few points for the way back.
struct Kept {
  Axis x, y;
  real *inside, *u, *d_0, *d_1;  // the box, or 0; where on its piece; the slopes at both ends
  static constexpr Index rows(Index K) { return 2 * Axis::rows(K) + 4; }
  Kept(Index K, RawRows<real> kept)
      : x(K, kept),
        y(K, {kept[Axis::rows(K)], kept.step}),
        inside(kept[rows(K) - 4]),
        u(kept[rows(K) - 3]),
        d_0(kept[rows(K) - 2]),
        d_1(kept[rows(K) - 1]) {}
};

// The piece of its curve on which a point is.
struct PieceAt {
  real w, h, d_0, d_1;
  real u = 0;  // where on it, from 0 to 1
  real s() const { return h / w; }
  real q() const { return d_0 + d_1 - 2 * s(); }
};
PieceAt piece_of(const Kept& kept, Index b) {
  return {kept.x.size[b], kept.y.size[b], kept.d_0[b], kept.d_1[b], kept.u[b]};
}

struct Heights {  // what the formulas are made of, at u
  real p, N, E, M;
};
Heights heights(const PieceAt& f) {
  const real u = f.u, v = 1 - u, p = u * v, s = f.s();
  return {p, s * u * u + f.d_0 * p, s + f.q() * p, f.d_1 * u * u + 2 * s * p + f.d_0 * v * v};
}
real slope(const PieceAt& f) {
  const Heights at = heights(f);
  return f.s() * f.s() * at.M / (at.E * at.E);
}
real height(const PieceAt& f) {
  const Heights at = heights(f);
  return f.h * at.N / at.E;
}
real between(real low, real v, real high) { return v < low ? low : v > high ? high : v; }
// As place() in rational_quadratic.cpp, at the share e of its height.
real place(const PieceAt& f, real share) {
  const real e = share < 1 ? share : 1, s = f.s(), q = f.q();
  const real a = e * q + s - f.d_0, b = f.d_0 - e * q, c = -s * e, square = b * b - 4 * a * c;
  const real root = std::sqrt(square > 0 ? square : 0);
  return between(0, 2 * c / (-b - root), 1);
}

// e^(raw - the largest of them), and what the softmax multiplies them by.
void exponentials(Index K, Index n, RawRows<const real> raw, const Axis& axis) {
  Reals most, total{};
  std::copy_n(raw[0], n, most.data);
  for (Index k = 1; k < K; ++k) {
    const real* const a = raw[k];
#pragma omp simd
    for (Index b = 0; b < n; ++b) most[b] = a[b] > most[b] ? a[b] : most[b];
  }
  for (Index k = 0; k < K; ++k) {
    const real* const a = raw[k];
    real* const e = axis.e[k];
#pragma omp simd
    for (Index b = 0; b < n; ++b) {
      e[b] = math::exp(a[b] - most[b]);
      total[b] += e[b];
    }
  }
#pragma omp simd
  for (Index b = 0; b < n; ++b) axis.scale[b] = 1 / total[b];
}

// All points go from bin to bin; where goes_on(b, bin, the knot before it) is false, one stays.
// Returns the knots before the points' bins.
template <class GoesOn>
Doubles walk(const Curve& curve, Index n, const Axis& axis, GoesOn goes_on) {
  const double least = 2 * curve.box * kSplineLeast;
  Doubles bin{}, begin, size, share, before{}, unit, knot, sum{};
#pragma omp simd
  for (Index b = 0; b < n; ++b) {
    unit[b] = curve.spread() * double(axis.scale[b]);
    share[b] = sum[b] = double(axis.e[0][b]);
    size[b] = least + unit[b] * share[b];
    begin[b] = -curve.box;
    knot[b] = begin[b] + size[b];
  }
  for (Index k = 1; k < curve.K; ++k) {
    const real* const e = axis.e[k];
#pragma omp simd
    for (Index b = 0; b < n; ++b) {
      const double own = double(e[b]), next = least + unit[b] * own;
      const bool on = goes_on(b, double(k), knot[b]);
      bin[b] = on ? double(k) : bin[b];
      begin[b] = on ? knot[b] : begin[b];
      size[b] = on ? next : size[b];
      share[b] = on ? own : share[b];
      before[b] = on ? sum[b] : before[b];
      knot[b] += next;
      sum[b] += own;
    }
  }
#pragma omp simd
  for (Index b = 0; b < n; ++b) {
    const double scale = double(axis.scale[b]), last = double(curve.K - 1);
    // The last knot is where it must be, whatever the sum of all bins has been rounded to.
    axis.size[b] = real(bin[b] == last ? curve.box - begin[b] : size[b]);
    axis.bin[b] = real(bin[b]);
    axis.share[b] = real(share[b] * scale);
    axis.before[b] = real(before[b] * scale);
  }
  return begin;
}

// The slopes at both ends of each piece.
void slopes(const Curve& curve, Index n, RawRows<const real> raw, const Kept& kept) {
  for (const Index side : {0, 1}) {
    Reals own, fixed;
    real* const d = side == 0 ? kept.d_0 : kept.d_1;
    for (Index b = 0; b < n; ++b) {
      const Index at = curve.slope_at(Index(kept.x.bin[b]) + side);
      fixed[b] = at < 0;
      own[b] = at < 0 ? 0 : raw[at][b];
    }
#pragma omp simd
    for (Index b = 0; b < n; ++b) {
      const real a = own[b] + kSplineOne, size = a < 0 ? -a : a;
      const real bent = kSplineLeast + ((a > 0 ? a : 0) + math::log1p(math::exp(-size)));
      d[b] = fixed[b] > 0 ? 1 : bent;
    }
  }
}

// Of no more points than go together. What is outside of the box stays; its piece is that of 0.
void forward_few(const Curve& curve, Way way, Index n, const real* v, RawRows<const real> raw,
                 real* y, real* log_det, const Kept& kept) {
  const bool latent = way == Way::to_latent;
  const real box = real(curve.box);
  Doubles at;
  for (Index b = 0; b < n; ++b) {
    kept.inside[b] = std::abs(v[b]) <= box;
    at[b] = kept.inside[b] > 0 ? double(v[b]) : 0;
  }
  exponentials(curve.K, n, raw, kept.x);
  exponentials(curve.K, n, {raw[curve.K], raw.step}, kept.y);
  const Axis &first = latent ? kept.x : kept.y, &second = latent ? kept.y : kept.x;
  const Doubles from =
      walk(curve, n, first, [&](Index b, double, double knot) { return at[b] >= knot; });
  const real* const bin = first.bin;
  const Doubles to =
      walk(curve, n, second, [bin](Index b, double k, double) { return k <= double(bin[b]); });
  slopes(curve, n, raw, kept);
  const auto put = [&](Index b, double moved) {
    const double in_box = moved < -curve.box ? -curve.box : moved > curve.box ? curve.box : moved;
    y[b] = kept.inside[b] > 0 ? real(in_box) : v[b];
  };
  if (latent) {
#pragma omp simd
    for (Index b = 0; b < n; ++b) {
      kept.u[b] = between(0, real((at[b] - from[b]) / double(kept.x.size[b])), 1);
      put(b, to[b] + double(height(piece_of(kept, b))));
    }
  } else {
#pragma omp simd
    for (Index b = 0; b < n; ++b) {
      kept.u[b] = place(piece_of(kept, b), real((at[b] - from[b]) / double(kept.y.size[b])));
      put(b, to[b] + double(kept.u[b] * kept.x.size[b]));
    }
  }
  if (!log_det) return;
  const real sign = latent ? real(1) : real(-1);
#pragma omp simd
  for (Index b = 0; b < n; ++b)
    log_det[b] += kept.inside[b] > 0 ? sign * math::log(slope(piece_of(kept, b))) : 0;
}

// Of gy z + gl log(dz/dx): by x, by the corner and the sides of the piece, and by its slopes.
struct Partials {
  real x, X, w, Y, h, d_0, d_1;
};
[[gnu::always_inline]] inline Partials partials(const PieceAt& f, real gy, real gl) {
  const auto [p, N, E, M] = heights(f);
  const real u = f.u, v = 1 - u, w = f.w, h = f.h, s = f.s(), q = f.q();
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
void share_out(const Curve& curve, Index n, const Axis& axis, const Reals& d_knot,
               const Reals& d_size, RawRows<real> draw) {
  const real spread = real(curve.spread());
  Reals before, here, mean;
#pragma omp simd
  for (Index b = 0; b < n; ++b) {
    before[b] = spread * d_knot[b];
    here[b] = spread * d_size[b];
    mean[b] = before[b] * axis.before[b] + here[b] * axis.share[b];
  }
  for (Index j = 0; j < curve.K; ++j) {
    real* const own = draw[j];
    const real *const e = axis.e[j], k = real(j);
#pragma omp simd
    for (Index b = 0; b < n; ++b) {
      const real A = axis.bin[b] > k ? before[b] : axis.bin[b] < k ? 0 : here[b];
      own[b] = e[b] * axis.scale[b] * (A - mean[b]);
    }
  }
}

// softplus(a) has the derivative sigmoid(a) = 1 - e^-softplus(a)
void share_out_slopes(const Curve& curve, Index n, const Kept& kept, const Reals& d_0,
                      const Reals& d_1, RawRows<real> draw) {
  for (Index r = 2 * curve.K; r < curve.R(); ++r) std::fill_n(draw[r], n, real(0));
  for (const Index side : {0, 1}) {
    const real* const d = side == 0 ? kept.d_0 : kept.d_1;
    const Reals& own = side == 0 ? d_0 : d_1;
    Reals bend;
#pragma omp simd
    for (Index b = 0; b < n; ++b) bend[b] = own[b] * (1 - math::exp(kSplineLeast - d[b]));
    for (Index b = 0; b < n; ++b) {
      const Index at = curve.slope_at(Index(kept.x.bin[b]) + side);
      if (at >= 0) draw[at][b] += bend[b];
    }
  }
}

// To the latent side that is all. To the data side, from z to x with log_det = -log(dz/dx), the
// curve stays z(x, raw): where z and raw move by dz and draw, x moves by dx = (dz - z_raw draw) /
// z_x. So
//   d(raw) of  dx x + d_log_det log_det  is that of  -g z - d_log_det log(z_x) at a fixed x,
//   with       g = dz = (dx - d_log_det (log z_x)_x) / z_x.
// d_log_det: null if it was declined.
void backward_few(const Curve& curve, Way way, Index n, const Kept& kept, real* d,
                  const real* d_log_det, RawRows<real> draw) {
  Reals gy, gl{}, X, w, Y, h, d_0, d_1;
  std::copy_n(d, n, gy.data);
  if (d_log_det) std::copy_n(d_log_det, n, gl.data);
  if (way == Way::to_data) {
#pragma omp simd
    for (Index b = 0; b < n; ++b) {
      const PieceAt f = piece_of(kept, b);
      gl[b] = -gl[b];
      gy[b] = -(gy[b] + gl[b] * partials(f, 0, 1).x) / slope(f);
    }
  }
#pragma omp simd
  for (Index b = 0; b < n; ++b) {
    const real inside = kept.inside[b];
    const Partials g = partials(piece_of(kept, b), inside * gy[b], inside * gl[b]);
    X[b] = g.X, w[b] = g.w, Y[b] = g.Y, h[b] = g.h, d_0[b] = g.d_0, d_1[b] = g.d_1;
    gl[b] = g.x;
  }
  const Reals& dx = way == Way::to_latent ? gl : gy;
  const real sign = way == Way::to_latent ? 1 : -1;
#pragma omp simd
  for (Index b = 0; b < n; ++b) d[b] = kept.inside[b] > 0 ? sign * dx[b] : d[b];
  share_out(curve, n, kept.x, X, w, draw);
  share_out(curve, n, kept.y, Y, h, {draw[curve.K], draw.step});
  share_out_slopes(curve, n, kept, d_0, d_1, draw);
}

void forward(const Curve& curve, Way way, Index n, const real* x, RawRows<const real> raw, real* y,
             real* log_det, real* kept) {
  for (Index b = 0; b < n; b += kTogether)
    forward_few(curve, way, std::min(kTogether, n - b), x + b, {raw.data + b, raw.step}, y + b,
                log_det ? log_det + b : nullptr, Kept(curve.K, {kept + b, n}));
}

void backward(const Curve& curve, Way way, Index n, const real*, const real*, const real* kept,
              real* d, const real* d_log_det, RawRows<real> draw) {
  real* const rows = const_cast<real*>(kept);  // which are only read
  for (Index b = 0; b < n; b += kTogether)
    backward_few(curve, way, std::min(kTogether, n - b), Kept(curve.K, {rows + b, n}), d + b,
                 d_log_det ? d_log_det + b : nullptr, {draw.data + b, draw.step});
}

}  // namespace

PlainMap plain_rational_quadratic(const SplineOptions& options, Ends ends) {
  const Curve curve{options.bins, double(options.box), ends};
  return {Kept::rows(curve.K), std::bind_front(forward, curve), std::bind_front(backward, curve)};
}

}  // namespace gradflow
