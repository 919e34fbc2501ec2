#include "experiments/data/spirals.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "experiments/data/quadrature.h"
#include "tensor/kernels/vector_math.h"

namespace gradflow {
namespace {

using std::numbers::pi;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// --- Two spirals ---------------------------------------------------------------------------------

constexpr double kNoise = 0.1, kWidth = 1.0 / 6, kTurns = 3 * pi;

// log of erfc(x) / 2: the normal's upper tail. Where erfc is too small for a double, by its
// expansion.
double log_tail(double x) {
  return x < 25 ? math::log(std::erfc(x) / 2)
                : -x * x - math::log(2 * x * std::sqrt(pi)) + math::log1p(-0.5 / (x * x));
}

// log of the density of U / 3 + 0.1 N at d: uniform on (0, 1/6), blurred. It is symmetric about the
// middle; to the right of it, a difference of two tails.
double log_bar(double d) {
  const double from_middle = std::abs(d - kWidth / 2), scale = kNoise * std::numbers::sqrt2;
  const double near = log_tail((from_middle - kWidth / 2) / scale),
               far = log_tail((from_middle + kWidth / 2) / scale);
  return near + math::log1p(-math::exp(far - near)) - math::log(kWidth);
}

struct Turn {  // a place on the spiral with its share of the points
  double x, y, weight;
};

std::vector<Turn> turns() {
  std::vector<Turn> all;
  for (const Node& node : gauss_legendre(400, {0, kTurns})) {
    const double n = node.at, density = 2 * n / (kTurns * kTurns);  // of 3 pi sqrt(U)
    all.push_back({-n * math::cos(n) / 3, n * math::sin(n) / 3, node.weight * density});
  }
  return all;
}

double outside(double d) { return std::max({-d, d - kWidth, 0.0}); }

// log of the integral over n of f(n) bar(x - x_n) bar(y - y_n), by its largest terms (the distance
// from the square that a place is spread over says which they are).
double log_spiral(const std::vector<Turn>& spiral, double x, double y) {
  double nearest = kInfinity;
  const auto squared = [&](const Turn& turn) {
    const double dx = outside(x - turn.x), dy = outside(y - turn.y);
    return dx * dx + dy * dy;
  };
  for (const Turn& turn : spiral) nearest = std::min(nearest, squared(turn));
  double sum = 0, largest = -kInfinity;
  for (const Turn& turn : spiral) {
    if (squared(turn) > nearest + 100 * kNoise * kNoise) continue;
    const double term = log_bar(x - turn.x) + log_bar(y - turn.y) + math::log(turn.weight);
    if (term > largest) sum *= math::exp(std::exchange(largest, term) - term);
    sum += math::exp(term - largest);
  }
  return largest + math::log(sum);
}

double log_sum(double a, double b) {
  return std::max(a, b) + math::log1p(math::exp(-std::abs(a - b)));
}

Data sample_spirals(Index n, Rng& rng) {
  const Tensor turn = rng.uniform(Shape{n}), square = rng.uniform({n, 2}, 0, real(kWidth));
  Data data{rng.normal({n, 2}), {}};
  real* at = data.points.mutable_data();
  for (Index i = 0; i < n; ++i, at += 2) {
    const double t = kTurns * std::sqrt(static_cast<double>(turn.data()[i]));
    const double side = i % 2 == 0 ? 1 : -1;
    const real* u = square.data() + 2 * i;
    at[0] = static_cast<real>(side * (-t * math::cos(t) / 3 + u[0]) + kNoise * at[0]);
    at[1] = static_cast<real>(side * (t * math::sin(t) / 3 + u[1]) + kNoise * at[1]);
    data.labels.push_back(i % 2);
  }
  return data;
}

// The root mean square of c + U / 3 + 0.1 N, where U / 3 has mean w / 2 and mean square w^2 / 3.
double spiral_deviation(const std::vector<Turn>& spiral, double Turn::*coordinate) {
  double sum = 0;
  for (const Turn& turn : spiral) {
    const double c = turn.*coordinate;
    sum += turn.weight * (c * c + c * kWidth + kWidth * kWidth / 3 + kNoise * kNoise);
  }
  return std::sqrt(sum);
}

// --- Pinwheel ------------------------------------------------------------------------------------

constexpr int kArms = 5;
constexpr double kRadial = 0.3, kTangential = 0.1, kScale = 2;

double bend(double f) { return math::exp(f) / 4; }

// Where along an arm, and the angle by which it is bent there, with its cosine and sine.
struct Bent {
  double f, angle, c, s;
  explicit Bent(double at = 0) : f(at), angle(bend(f)), c(math::cos(angle)), s(math::sin(angle)) {}
};

// A point in the frame of an arm that is bent as at f: (f, g) if it has come from there.
Point2 along_arm(const Point2& x, const Bent& at) {
  return {(x[0] * at.c - x[1] * at.s) / kScale, (x[0] * at.s + x[1] * at.c) / kScale};
}

// f minus what the point says f is: 0 where it can have come from. Its slope is 1 + g exp(f) / 4.
double mismatch(const Point2& x, const Bent& at) { return at.f - along_arm(x, at)[0]; }

double bisected(const Point2& x, double low, double high) {
  const bool rising = mismatch(x, Bent(low)) < 0;
  for (int step = 0; step < 50; ++step) {
    const double middle = (low + high) / 2;
    (mismatch(x, Bent(middle)) < 0) == rising ? low = middle : high = middle;
  }
  return (low + high) / 2;
}

double normal(double z, double deviation) {
  return math::exp(-0.5 * z * z / (deviation * deviation)) / (deviation * std::sqrt(2 * pi));
}

// The density of the arm k = 0: a term for each root, from 7 deviations below f's mean to 7 above.
// (Two roots meet only where g is 5 deviations off, and f 3: no step can miss them that matters.)
double arm_density(const Point2& x) {
  constexpr double kLow = 1 - 7 * kRadial, kStep = 0.05;
  constexpr int kSteps = 84;
  static const auto grid = [] {  // what a cosine costs is paid once for all points
    std::array<Bent, kSteps + 1> all;
    for (int i = 0; i <= kSteps; ++i) all[static_cast<std::size_t>(i)] = Bent(kLow + i * kStep);
    return all;
  }();
  double density = 0, before = mismatch(x, grid[0]);
  for (std::size_t i = 1; i < grid.size(); ++i) {
    const double f = grid[i].f, now = mismatch(x, grid[i]);
    if ((std::exchange(before, now) < 0) == (now < 0)) continue;
    const Bent root(bisected(x, f - kStep, f));
    const double g = along_arm(x, root)[1];
    density += normal(root.f - 1, kRadial) * normal(g, kTangential) /
               (kScale * kScale * std::abs(1 + root.angle * g));
  }
  return density;
}

double pinwheel_density(double x, double y) {
  double density = 0;
  for (int k = 0; k < kArms; ++k) {
    const double angle = 2 * pi * k / kArms, c = math::cos(angle), s = math::sin(angle);
    density += arm_density({x * c - y * s, x * s + y * c}) / kArms;
  }
  return density;
}

Data sample_pinwheel(Index n, Rng& rng) {
  Data data{rng.normal({n, 2}), {}};
  real* at = data.points.mutable_data();
  for (Index i = 0; i < n; ++i, at += 2) {
    const double f = 1 + kRadial * at[0], g = kTangential * at[1];
    const double angle = 2 * pi * static_cast<double>(i % kArms) / kArms + bend(f);
    const double c = math::cos(angle), s = math::sin(angle);
    at[0] = static_cast<real>(kScale * (f * c + g * s));
    at[1] = static_cast<real>(kScale * (-f * s + g * c));
    data.labels.push_back(i % kArms);
  }
  return data;
}

}  // namespace

DataSet two_spirals() {
  const std::vector<Turn> spiral = turns();
  const PlaneFunction log_p = [spiral](double x, double y) {
    return log_sum(log_spiral(spiral, x, y), log_spiral(spiral, -x, -y)) - math::log(2.0);
  };
  DataSet set{.name = "two_spirals",
              .classes = {"one", "the other"},
              .sample = sample_spirals,
              .log_density = at_each_point(log_p),
              .mean = {0, 0},
              .deviation = {spiral_deviation(spiral, &Turn::x), spiral_deviation(spiral, &Turn::y)},
              .limits = {{-3.9, 3.9}, {-3.4, 3.4}}};
  set.entropy = integral({{-4.5, 4.5}, {-4.5, 4.5}}, kNoise / 2, [&log_p](double x, double y) {
    const double value = log_p(x, y);
    return -value * math::exp(value);
  });
  return set;
}

// Turned by a fifth it is the same, so both axes have the same variance, 2^2 (E f^2 + E g^2) / 2.
DataSet pinwheel() {
  const double square = 1 + kRadial * kRadial + kTangential * kTangential;
  const double deviation = kScale * std::sqrt(square / 2);
  return {.name = "pinwheel",
          .classes = {"1", "2", "3", "4", "5"},
          .sample = sample_pinwheel,
          .log_density = log_of(pinwheel_density),
          .entropy = 2.31779,  // by quadrature
          .mean = {0, 0},
          .deviation = {deviation, deviation},
          .limits = {{-5, 5}, {-5, 5}}};
}

}  // namespace gradflow
