// Splines: their curve by its formula, at knots, at the edges of the box and outside, with raw
// numbers of any size; and that the fused form is the composed one. What they have in common with
// other univariate maps is in tests/tables/test_flows.cpp.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "flows/coupling.h"
#include "flows/elementwise.h"
#include "flows/flow.h"
#include "flows/recipes.h"
#include "flows/univariate/circular.h"
#include "flows/univariate/rational_quadratic.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/flows/reckoned.h"
#include "tests/model.h"

namespace gradflow {
namespace {

// The curve of one coordinate, all of it, in double and from the paper's formulas.
struct PlainCurve {
  std::vector<double> X, Y, d;
  double box;

  PlainCurve(std::span<const real> raw, Index bins, double side, Ends ends = Ends::straight)
      : box(side) {
    const auto K = std::size_t(bins);
    X = knots(raw.subspan(0, K)), Y = knots(raw.subspan(K, K));
    for (const real c : raw.subspan(2 * K))
      d.push_back(1e-3 + plain_softplus(double{c} + std::log(std::expm1(1 - 1e-3))));
    if (ends == Ends::straight) d.insert(d.begin(), 1);
    d.push_back(ends == Ends::straight ? 1 : d[0]);
  }
  std::vector<double> knots(std::span<const real> raw) const {
    const double most = *std::max_element(raw.begin(), raw.end());
    double total = 0, at = -box;
    for (const real a : raw) total += std::exp(double{a} - most);
    std::vector<double> all{at};
    for (const real a : raw) {
      const double share = std::exp(double{a} - most) / total;
      all.push_back(at += 2 * box * (1e-3 + (1 - 1e-3 * double(raw.size())) * share));
    }
    return all;
  }
  struct Value {
    double z, log_slope, w = 1, h = 1;  // and the sides of the piece
  };
  Value operator()(double x) const {
    if (!(std::abs(x) <= box)) return {x, 0};
    std::size_t k = 0;
    while (k + 2 < X.size() && x >= X[k + 1]) ++k;
    const double w = X[k + 1] - X[k], h = Y[k + 1] - Y[k], s = h / w;
    const double u = (x - X[k]) / w, v = 1 - u, p = u * v, E = s + (d[k] + d[k + 1] - 2 * s) * p;
    return {Y[k] + h * (s * u * u + d[k] * p) / E,
            std::log(s * s * (d[k + 1] * u * u + 2 * s * p + d[k] * v * v) / (E * E)), w, h};
  }
};

const Tensor kGolden({{real(0.3), real(-0.2), real(0.5), real(0.1), real(-0.4), real(0.2),
                       real(0.1), real(0.6), real(0.5), real(-0.3), real(0.2)}});
constexpr SplineOptions kGoldenOptions{.bins = 4, .box = 3};

std::vector<Univariate> both_forms(const SplineOptions& options, Ends ends = Ends::straight) {
  return {rational_quadratic(options, ends), composed_rational_quadratic(options, ends)};
}

TEST_CASE("a spline by numbers that were computed elsewhere") {
  constexpr double kKnown[][3] = {
      {-2.9, -2.9155418592, -0.3335785675}, {-1, -1.5870997353, 0.5898266927},
      {0, -0.3899701923, -0.4666231976},    {0.7, 0.0113039878, -0.5585675910},
      {2.5, 2.2445408052, 0.6644623503},    {3.5, 3.5, 0}};
  const double margin = sizeof(real) == 8 ? 2e-10 : 3e-6;
  for (const Univariate& map : both_forms(kGoldenOptions))
    for (const auto& [x, z, log_slope] : kKnown) {
      CAPTURE(x);
      const Mapped there = map.to_latent(Tensor({1, 1}, real(x)), kGolden, LogDet::yes);
      CHECK(std::abs(there.points.item() - z) < margin);
      CHECK(std::abs(there.log_det.item() - log_slope) < margin);
      const Mapped back = map.to_data(Tensor({1, 1}, real(z)), kGolden, LogDet::yes);
      CHECK(std::abs(back.points.item() - x) < 3 * margin);
      CHECK(std::abs(back.log_det.item() + log_slope) < 5 * margin);
    }
}

// Raw numbers of one size, and points over the box and beyond it.
struct Sample {
  Tensor raw, points;
  Sample(Index B, Index M, Index R, real size, std::uint64_t seed, real spread = 2) {
    Rng rng(seed);
    raw = (size * rng.normal({B, M * R})).value();
    points = (spread * rng.normal({B, M})).value();
  }
};

TEST_CASE("a spline by its formula, for raw numbers of any size, both ways") {
  for (const Index K : {2, 3, 8, 32})
    for (const real box : {real(0.5), real(3), real(5)})
      for (const Ends ends : {Ends::straight, Ends::joined})
        for (const real size : {real(0.3), real(2), real(50)}) {
          const Index M = 3, R = ends == Ends::joined ? 3 * K : 3 * K - 1;
          const Sample sample(40, M, R, size, 3);
          for (const Univariate& map : both_forms({.bins = K, .box = box}, ends)) {
            CAPTURE(K, box, size, bool(map.fused_latent));
            REQUIRE(map.size() == R);
            const Mapped z = map.to_latent(sample.points, sample.raw, LogDet::yes);
            const Tensor back = map.to_data(z.points, sample.raw, LogDet::yes).points.value();
            // A knot is as wrong as a sum of up to 32 numbers: x may be off by that, and z.
            const double off = 64 * kEps * double{box};
            for (Index b = 0; b < 40; ++b) {
              double total = 0, allowed = 100 * kEps;
              for (Index i = 0; i < M; ++i) {
                const auto own = sample.raw.values().subspan(std::size_t(b * M * R + i * R));
                const PlainCurve curve(own.first(std::size_t(R)), K, box, ends);
                const double x = sample.points.at({b, i}), again = back.at({b, i});
                const auto [expected, log_slope, w, h] = curve(x);
                const auto below = curve(x - off), above = curve(x + off);
                const double found = z.points.value().at({b, i});
                CHECK(found >= below.z - off);
                CHECK(found <= above.z + off);
                CHECK(curve(again - off).z <= expected + 2 * off);
                CHECK(curve(again + off).z >= expected - 2 * off);
                total += log_slope;
                allowed += 2 * off / w + 2 * off / h + std::abs(below.log_slope - log_slope) +
                           std::abs(above.log_slope - log_slope);
              }
              CHECK(std::abs(z.log_det.value().at({b}) - total) <= allowed * 2);
            }
          }
        }
}

TEST_CASE("raw numbers of 0 are the identity") {
  for (const Index K : {2, 3, 16, 500})
    for (const Ends ends : {Ends::straight, Ends::joined})
      for (const Univariate& map : both_forms({.bins = K}, ends)) {
        CAPTURE(K, bool(map.fused_latent));
        const Sample sample(50, 2, map.size(), 0, 4);
        for (const bool latent : {true, false}) {
          const Mapped y = latent ? map.to_latent(sample.points, sample.raw, LogDet::yes)
                                  : map.to_data(sample.points, sample.raw, LogDet::yes);
          CHECK(difference(y.points, reference(sample.points), 4, 3) == "");
          CHECK(difference(y.log_det, reference(zeros({50})), 8, 1 + double(K)) == "");
        }
      }
}

TEST_CASE(
    "a spline rises, without a step in itself or in its slope, at knots and at the box's edges") {
  for (const real size : {real(0.3), real(0.8)})
    for (const Index K : {2, 5, 16}) {
      const Sample sample(1, 1, 3 * K - 1, size, 5);
      const PlainCurve curve(sample.raw.values(), K, 3);
      for (const Univariate& map : both_forms({.bins = K})) {
        CAPTURE(size, K, bool(map.fused_latent));
        const auto at = [&](real x) {
          const Mapped z = map.to_latent(Tensor({1, 1}, x), sample.raw, LogDet::yes);
          return std::pair<double, double>(z.points.item(), z.log_det.item());
        };
        for (const double knot : curve.X) {
          CAPTURE(knot);
          const real step = real(40 * kEps), x = real(knot);
          const auto [low, slope_low] = at(x - step);
          const auto [high, slope_high] = at(x + step);
          CHECK(low <= high);
          CHECK(high - low < 2 * std::exp(curve(knot).log_slope) * 80 * kEps + 20 * kEps);
          // The slope bends within a bin, the narrower the more.
          CHECK(std::abs(slope_high - slope_low) < 1e5 * kEps);
        }
        for (const real edge : {real(-3), real(3)}) {
          CHECK(close(real(at(edge).first), edge, map.fused_latent ? 0 : 2));
          CHECK(std::abs(at(edge).second) < 200 * kEps);
          const real outside = std::nextafter(edge, 2 * edge);
          CHECK(at(outside) == std::pair<double, double>(outside, 0));
        }
        double before = -4;
        for (Index i = 0; i <= 2000; ++i) {
          const double z = at(-4 + real(i) * real(0.004)).first;
          CHECK(z >= before - 4 * kEps);
          before = z;
        }
      }
    }
}

// Values, and gradients by the points and by the raw numbers.
std::vector<Tensor> values_and_gradients(const Univariate& map, bool latent, const Tensor& points,
                                         const Tensor& raw, LogDet log_det) {
  Tape tape;
  const Var x = tape.variable(points), r = tape.variable(raw);
  const Mapped y = latent ? map.to_latent(x, r, log_det) : map.to_data(x, r, log_det);
  const Gradients first = tape.backward(contracted(y));
  return {y.points.value(), y.log_det.value(), first[x].value(), first[r].value()};
}

TEST_CASE("outside of its box a spline is the identity, for a whole batch and for a part of one") {
  for (const Univariate& map : both_forms({}))
    for (const bool latent : {true, false})
      for (const real size : {real(0), real(1), real(50)}) {
        CAPTURE(bool(map.fused_latent), latent, size);
        Rng rng(6);
        Tensor raw = (size * rng.normal({4, map.size()})).value();
        const Tensor outside({{1e6}, {-1e6}, {3.25}, {-std::nextafter(real(3), real(4))}});
        const auto all = values_and_gradients(map, latent, outside, raw, LogDet::yes);
        CHECK(difference(all[0], outside) == "");
        CHECK(difference(all[1], zeros({4})) == "");
        CHECK(difference(all[2], Rng(4).normal({4, 1})) == "");
        CHECK(difference(all[3], zeros(raw.shape())) == "");
        // One inside does not learn from the others, nor they from it.
        Tensor mixed = outside;
        mixed.mutable_data()[1] = real(0.5);
        const auto some = values_and_gradients(map, latent, mixed, raw, LogDet::yes);
        for (const Tensor& x : some) CHECK(all_finite(x));
        CHECK(max(abs(slice(some[3], 0, 0, 1))).item() == 0);
        CHECK(max(abs(slice(some[3], 0, 1, 2))).item() > 0);
        CHECK(max(abs(slice(some[3], 0, 2, 4))).item() == 0);
      }
}

TEST_CASE("what is not finite is handed on by a spline, and harms no other point") {
  for (const Univariate& map : both_forms({}))
    for (const bool latent : {true, false}) {
      Rng rng(7);
      const Tensor raw = rng.normal({4, map.size()});
      const Tensor points({{kNan}, {kInfinity}, {-kInfinity}, {1}});
      const Mapped y =
          latent ? map.to_latent(points, raw, LogDet::yes) : map.to_data(points, raw, LogDet::yes);
      CHECK(std::isnan(y.points.value().at({0, 0})));
      CHECK(y.points.value().at({1, 0}) == kInfinity);
      CHECK(y.points.value().at({2, 0}) == -kInfinity);
      CHECK(std::isfinite(y.points.value().at({3, 0})));
      CHECK(std::isfinite(y.log_det.value().at({3})));
    }
}

TEST_CASE("raw numbers of +-50 and +-1e4 give finite values and gradients, and stay in the box") {
  for (const real size : {real(50), real(1e4)})
    for (const Index K : {2, 16, 32})
      for (const Univariate& map : both_forms({.bins = K}))
        for (const bool latent : {true, false}) {
          CAPTURE(size, K, bool(map.fused_latent), latent);
          Rng rng(8);
          Tensor raw = rng.normal({64, 2 * map.size()});
          for (Index i = 0; i < raw.size(); ++i)
            raw.mutable_data()[i] = raw.data()[i] > 0 ? size : -size;
          const Tensor points = rng.uniform({64, 2}, -3, 3);
          for (const Tensor& x : values_and_gradients(map, latent, points, raw, LogDet::yes))
            CHECK(all_finite(x));
          const Var y = latent ? map.to_latent(points, raw, LogDet::no).points
                               : map.to_data(points, raw, LogDet::no).points;
          CHECK(max(abs(y)).item() <= (map.fused_latent ? 3 : 3 * (1 + 2 * kEps)));
        }
}

TEST_CASE("the fused spline is the one composed of operations, and so are its gradients") {
  using Pair = std::pair<Index, Index>;
  for (const auto& [D, M] : {Pair{1, 1}, {2, 1}, {3, 1}, {3, 3}, {9, 5}})  // the last M of D move
    for (const Index K : {2, 3, 7, 32})
      for (const Ends ends : {Ends::straight, Ends::joined})
        for (const LogDet log_det : {LogDet::yes, LogDet::no})
          for (const bool latent : {true, false}) {
            CAPTURE(D, M, K, ends == Ends::joined, log_det == LogDet::yes, latent);
            const SplineOptions options{.bins = K, .box = 2};
            const Univariate fused = rational_quadratic(options, ends);
            const Sample sample(9, D, 1, 1, 10, real(1.2));
            const Tensor raw = Rng(11).normal({9, M * fused.size()});
            const auto first = values_and_gradients(fused, latent, sample.points, raw, log_det);
            const auto composed = values_and_gradients(composed_rational_quadratic(options, ends),
                                                       latent, sample.points, raw, log_det);
            for (std::size_t k = 0; k < first.size(); ++k) {
              CAPTURE(k);
              double most = 1;
              for (const real v : composed[k].values()) most = std::max(most, std::abs(double{v}));
              // A piece may be a thousandth as wide as the box: a place on it has lost three
              // digits.
              CHECK(difference(first[k], reference(composed[k]), 6000, most) == "");
            }
          }
}

#ifdef GRADFLOW_DOUBLE  // it has steps, and the differences of float are wide
TEST_CASE("a spline's gradient may be differentiated again") {
  for (const bool latent : {true, false}) {
    const Univariate map = rational_quadratic({.bins = 3, .box = 2});
    const Sample sample(4, 2, 8, 1, 12, 1);
    const Function f = [&](const std::vector<Var>& in) {
      const Mapped y = latent ? map.to_latent(in[0], in[1], LogDet::yes)
                              : map.to_data(in[0], in[1], LogDet::yes);
      return concat({y.points, reshape(y.log_det, {4, 1})}, 1);
    };
    const GradcheckResult result = gradgradcheck(f, {sample.points, sample.raw});
    INFO(result.report);
    CHECK(result.passed);
  }
}
#endif

TEST_CASE("a spline is one operation on the tape, and looks at its numbers if asked to") {
  Tape tape;
  const Univariate map = rational_quadratic();
  const Var x = tape.variable(ones({3, 2})), raw = tape.variable(zeros({3, 2 * map.size()}));
  const std::size_t before = tape.size();
  map.to_latent(x, raw, LogDet::no);
  CHECK(tape.size() == before + 1);
  map.to_data(x, raw, LogDet::yes);
  CHECK(tape.size() == before + 3);  // two results
}

TEST_CASE("a circular spline has no seam: the same at both ends of the circle, and turn for turn") {
  using std::numbers::pi;
  const Univariate map = circular(5);
  REQUIRE(map.size() == 16);
  const Tensor raw = Rng(14).normal({1, 16});
  const auto at = [&](double x) {
    const Mapped z = map.to_latent(Tensor({1, 1}, real(x)), raw, LogDet::yes);
    return std::pair<double, double>(z.points.item(), z.log_det.item());
  };
  const double step = 100 * kEps;
  // Where the spline was cut open (x + turn = pi) and where angles were (x = pi).
  for (const double seam : {pi - raw.at({0, 15}), pi}) {
    const auto [low, slope_low] = at(seam - step);
    const auto [high, slope_high] = at(seam + step);
    CHECK(std::abs(slope_low - slope_high) < 1e5 * kEps);
    CHECK(std::abs(std::remainder(low - high, 2 * pi)) < 1e5 * kEps);
  }
  for (const double x : {-3.0, -1.0, 0.5, 3.1})
    for (const int turns : {-2, 1, 3}) {
      const auto [z, slope] = at(x);
      const auto [again, same_slope] = at(x + turns * 2 * pi);
      CHECK(std::abs(z - again) < 1e4 * kEps);
      CHECK(std::abs(slope - same_slope) < 1e5 * kEps);
      CHECK(std::abs(z) <= pi * (1 + kEps));
    }
  // Raw numbers of 0: the angle itself.
  const Mapped same = map.to_latent(Tensor({{3}, {4}}), zeros({2, 16}), LogDet::yes);
  CHECK(close(same.points.value().at({0, 0}), 3, 8));
  CHECK(close(same.points.value().at({1, 0}), 4 - 2 * pi, 8, 4));
  CHECK(difference(same.log_det, reference(zeros({2})), 40, 1) == "");
}

TEST_CASE("couplings of trained splines lead back within the promised rounding") {
  Rng rng(13);
  Flow flow = spline_coupling(
      2, {.layers = 4, .network = {.hidden = {32, 32}}, .spline = {.bins = 32}}, rng);
  randomize(parameters(flow), real(0.2), 13);
  const Tensor x = rng.normal({1000, 2});
  const Var back = flow.bijection->to_data(flow.bijection->to_latent(x).points).points;
  CHECK(max(abs(back - x)).item() < (sizeof(real) == 8 ? 1e-11 : 1e-4));
}

TEST_CASE("splines that make no sense are refused") {
  const auto message = [](const SplineOptions& options) {
    return message_of<ShapeError>([&] { rational_quadratic(options); });
  };
  CHECK(message({.bins = 1}) == "rational_quadratic: 1 bins given; 2 to 500");
  CHECK(message({.bins = 501}) == "rational_quadratic: 501 bins given; 2 to 500");
  CHECK(message({.box = 0}) == "rational_quadratic: a box of 0 given; finite, more than 0");
  for (const real wrong : {real(-1), kNan, kInfinity})
    CHECK_THROWS_AS(rational_quadratic({.box = wrong}), ShapeError);
  CHECK_THROWS_AS(circular(1), ShapeError);
}

}  // namespace
}  // namespace gradflow
