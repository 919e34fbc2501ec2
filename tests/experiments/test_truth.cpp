// What is measured of models, on models whose measures are known; and the models that are no flows.
#include "experiments/metrics/truth.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "experiments/data/arcs.h"
#include "experiments/data/catalogue.h"
#include "experiments/data/checkerboard.h"
#include "experiments/data/moons.h"
#include "experiments/metrics/baselines.h"
#include "flows/recipes.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace gradflow;

namespace {

double log_normal_of(double square, double s) {  // N(x; 0, s^2 I) in the plane, |x|^2 = square
  return -square / (2 * s * s) - std::log(2 * std::numbers::pi * s * s);
}

const double kNormal = 1 + std::log(2 * std::numbers::pi);  // the entropy of N(0, I) in the plane

// N(0, s^2 I)
DataSet gaussian_set(double s) {
  DataSet set{.name = "gaussian"};
  set.sample = [s](Index n, Rng& rng) {
    return Data{(static_cast<real>(s) * Var(rng.normal({n, 2}))).value(), {}};
  };
  set.log_density =
      at_each_point([s](double x, double y) { return log_normal_of(x * x + y * y, s); });
  set.entropy = kNormal + 2 * std::log(s);
  set.limits = {{-6, 6}, {-6, 6}};
  return set;
}

DensityModel model_of(const DataSet& set) {
  return {set.log_density, [set](Index n, Rng& rng) { return set.sample(n, rng).points; }, 0};
}

Estimate loss_of(const DensityModel& model, const Tensor& points) {
  std::vector<double> losses;
  const Tensor log_density = model.log_density(points);
  for (const real log_q : log_density.values()) losses.push_back(-static_cast<double>(log_q));
  return mean_of(losses);
}

}  // namespace

TEST_CASE("truth: the mean of numbers and its standard error") {
  const std::vector<double> values{1, 2, 3, 6};
  const Estimate mean = mean_of(values);
  CHECK(mean.value == 3);
  CHECK(mean.error == Approx(std::sqrt(14.0 / 3 / 4)));
  CHECK(mean_of(std::vector<double>{7}).error == 0);
  const Estimate endless = mean_of(std::vector<double>{1, HUGE_VAL, 2});  // not "inf +- nan"
  CHECK(endless.value == HUGE_VAL);
  CHECK(endless.error == HUGE_VAL);
}

TEST_CASE("truth: a perfect model has no gap, all mass, and reaches everything") {
  for (const char* name : {"moons", "checkerboard"}) {
    CAPTURE(name);
    const Truth truth(data_set(name), 20'000, Rng(1));
    Rng rng(2);
    const Measures m = truth.measure(model_of(truth.set()), rng);
    CHECK(m.gap.value == 0);
    CHECK(m.gap.error == 0);
    CHECK(m.nll == m.floor);
    CHECK(m.floor == truth.set().entropy);
    CHECK(std::abs(m.mass - 1) < 2e-3);
    CHECK(m.inside > 0.9999);
    CHECK(m.coverage == 1);
    CHECK(m.precision > 0.998);
  }
}

// KL between two normals: that of N(0, s^2 I) from N(0, I) is 1/s^2 - 1 + 2 log s, in the plane.
TEST_CASE("truth: both divergences of two normal distributions") {
  const double s = 1.25;
  const Truth truth(gaussian_set(1), 100'000, Rng(3));
  Rng rng(4);
  const DensityModel wide = model_of(gaussian_set(s));
  const Measures m = truth.measure(wide, rng);
  const double forward = 1 / (s * s) - 1 + 2 * std::log(s), reverse = s * s - 1 - 2 * std::log(s);
  CHECK(std::abs(m.gap.value - forward) < 4 * m.gap.error);
  CHECK(std::abs(m.reverse.value - reverse) < 4 * m.reverse.error);
  CHECK(m.gap.error < 2e-3);
  // log p - log q = 2 log s - (1 - 1/s^2) r^2 / 2, and r^2 / 2 has deviation 1.
  CHECK(m.gap.error == Approx((1 - 1 / (s * s)) / std::sqrt(1e5)).epsilon(0.03));
  CHECK(m.reverse.error == Approx((s * s - 1) / std::sqrt(1e5)).epsilon(0.03));
  // r^2 < -2 log 0.001 holds 99.9 % of p; of q exp(log 0.001 / s^2) are beyond.
  CHECK(std::abs(m.precision - (1 - std::pow(0.001, 1 / (s * s)))) < 2e-3);
}

// The board against N(0, 5 I), of which the share in any rectangle is a product.
namespace board {

const double kDeviation = std::sqrt(5.0);

double share(const Interval& x, const Interval& y) {
  const auto below = [](double at) { return 0.5 * std::erfc(-at / kDeviation / std::sqrt(2.0)); };
  return (below(x.high) - below(x.low)) * (below(y.high) - below(y.low));
}

// The eight squares of two by two: of the columns every second begins at -4, the others at -2.
double share_on_squares() {
  double sum = 0;
  for (int column = 0; column < 4; ++column)
    for (int square = 0; square < 2; ++square) {
      const double x = -4 + 2 * column, y = -4 + 2 * (column % 2) + 4 * square;
      sum += share({x, x + 2}, {y, y + 2});
    }
  return sum;
}

// Each strip of 0.8 holds a tenth of the board, and so does each of its cells of the strip. A strip
// in one column has cells of 0.4, five in each square, and the cut between the squares may lie
// anywhere between them (`cut` of the way); one across two columns has cells of 0.8.
std::vector<double> cell_shares(double cut) {
  constexpr double kFar = 100;
  std::vector<double> shares;
  for (int strip = 0; strip < 10; ++strip) {
    const bool across = strip % 5 == 2;
    const double x = -4 + 0.8 * strip;
    const double low = x + 0.4 < -2 || (x + 0.4 > 0 && x + 0.4 < 2) ? -4 : -2;  // of the squares
    std::vector<double> cuts{-kFar};
    for (int k = 1; k < 10; ++k)
      cuts.push_back(across   ? -4 + 0.8 * k
                     : k < 5  ? low + 0.4 * k
                     : k == 5 ? low + 2 + 2 * cut
                              : low + 2 + 0.4 * k);
    cuts.push_back(kFar);
    for (std::size_t k = 0; k < 10; ++k)
      shares.push_back(
          share({strip == 0 ? -kFar : x, strip == 9 ? kFar : x + 0.8}, {cuts[k], cuts[k + 1]}));
  }
  return shares;
}

}  // namespace board

TEST_CASE("truth: what a model makes up beyond an edge costs without end") {
  const Truth truth(checkerboard(), 100'000, Rng(5));
  Rng rng(6);
  const Measures m = truth.measure(model_of(gaussian_set(board::kDeviation)), rng);
  CHECK(std::isinf(m.reverse.value));
  // -log 32 + log 10 pi + E |x|^2 / 10, where both coordinates are uniform on [-4, 4].
  CHECK(std::abs(m.gap.value - (std::log(10 * M_PI / 32) + 32.0 / 30)) < 4 * m.gap.error);
  CHECK(m.gap.error < 5e-3);
  CHECK(std::abs(m.precision - board::share_on_squares()) < 0.01);
  // Cells with clearly more than half their due, and with clearly less: those between may be
  // either.
  const std::vector<double> low = board::cell_shares(0), high = board::cell_shares(1);
  int least = 0, most = 0;
  for (std::size_t k = 0; k < low.size(); ++k) {
    least += std::min(low[k], high[k]) > 0.0053;
    most += std::max(low[k], high[k]) > 0.0047;
  }
  CAPTURE(least, most, m.coverage);
  CHECK(most - least < 25);
  CHECK(100 * m.coverage >= least);
  CHECK(100 * m.coverage <= most);
}

TEST_CASE("truth: a model of half of the board covers half of it") {
  const Truth truth(checkerboard(), 20'000, Rng(5));
  DensityModel left = model_of(truth.set());
  left.sample = [](Index n, Rng& rng) {
    const Tensor both = checkerboard().sample(4 * n, rng).points;
    std::vector<Index> there;
    for (Index i = 0; std::ssize(there) < n; ++i)
      if (both.at({i, 0}) < 0) there.push_back(i);
    return kernel::gather(both, there);
  };
  Rng rng(8);
  const Measures m = truth.measure(left, rng);
  CHECK(std::abs(m.coverage - 0.5) <= 0.01);  // a strip's border may lie beside 0
  CHECK(m.precision > 0.998);
}

TEST_CASE("truth: a model of one of two moons covers half of them") {
  const Truth truth(moons(), 20'000, Rng(7));
  DensityModel half = model_of(truth.set());
  half.sample = [](Index n, Rng& rng) {
    const Data both = sample_moons(2 * n, rng);
    std::vector<Index> upper;
    for (Index i = 0; i < n; ++i) upper.push_back(2 * i);
    return kernel::gather(both.points, upper);
  };
  Rng rng(8);
  const Measures m = truth.measure(half, rng);
  CHECK(m.coverage > 0.4);
  CHECK(m.coverage < 0.6);
  CHECK(m.precision > 0.995);
}

TEST_CASE("truth: equal cells are equal, and refuse too few points") {
  Rng rng(9);
  const Tensor sample = moons().sample(10'000, rng).points;
  CHECK(EqualCells(sample).covered_by(sample) == 1);
  CHECK(EqualCells(sample).covered_by(rng.uniform({1000, 2}, 50, 60)) == 0.01);
  CHECK_THROWS_AS(EqualCells(zeros({99, 2})), ShapeError);
}

TEST_CASE("truth: an entropy, a density or a sampler that does not belong is seen") {
  DataSet wrong = moons();
  wrong.entropy += 0.05;
  CHECK_THROWS_WITH(Truth(wrong, 20'000, Rng(10)), Catch::Matchers::Contains("entropy"));
  wrong = moons();
  wrong.log_density = moons(0.12).log_density;
  CHECK_THROWS_AS(Truth(wrong, 20'000, Rng(10)), Error);
  wrong = moons();
  wrong.sample = [](Index n, Rng& rng) { return sample_moons(n, rng, 0.09); };
  CHECK_THROWS_AS(Truth(wrong, 20'000, Rng(10)), Error);
}

// Where it is drawn: three deviations to each side of the mean, but nothing where no data is.
TEST_CASE("truth: the view and its brightness") {
  const Truth board(checkerboard(), 10'000, Rng(11));
  CHECK(board.view().x.low == -4);
  CHECK(board.bright() == Approx(1.0 / 32));
  const Truth cubed(data_set("crescent_cubed"), 10'000, Rng(11));
  CHECK(cubed.view().x.high == Approx(3 * cubed.set().deviation[0]));
}

// --- Models that are no flows --------------------------------------------------------------------

// (How a mixture is found is tested with the tables, in any number of coordinates.)
TEST_CASE("baselines: the loss of the best Gaussian is 1 + log 2 pi + log det C / 2") {
  constexpr Index kPoints = 50'000;
  Rng rng(12);
  const Tensor z = rng.normal({kPoints, 2});
  const Tensor points = (matmul(z, Tensor({{1.4f, -0.5f}, {0, 0.6f}})) + Tensor({{1, -2}}))
                            .value();  // det C = 0.84^2
  const DensityModel model = best_gaussian(points);
  CHECK(model.parameters == 5);
  const Estimate loss = loss_of(model, points);
  CHECK(std::abs(loss.value - (kNormal + std::log(0.84))) < 4 * loss.error);
  const Tensor samples = model.sample(kPoints, rng);
  CHECK(samples.shape() == Shape{kPoints, 2});
  CHECK(std::abs(loss_of(model, samples).value - loss.value) < 6 * loss.error);
}

TEST_CASE("baselines: on the moons each is better than the one before, and none is too good",
          "[slow]") {
  const Truth truth(moons(), 20'000, Rng(14));
  Rng rng(15);
  const Tensor raw = truth.set().sample(5'000, rng).points;
  const Standardize units = Standardize::of(raw);
  const Tensor points = units.to_latent(raw).points.value();
  const auto measured = [&](const DensityModel& model) {
    return truth.measure(in_data_units(model, units), rng);
  };
  const Measures gaussian = measured(best_gaussian(points)),
                 mixture = measured(best_mixture(points, rng)),
                 kernels = measured(kernel_density(points));
  CHECK(gaussian.gap.value > 0.7);
  CHECK(mixture.gap.value < 0.1);
  CHECK(kernels.gap.value < 0.1);
  for (const Measures& m : {gaussian, mixture, kernels}) {
    CHECK(m.gap.value > -3 * m.gap.error);
    CHECK(std::abs(m.mass - m.inside) < 5e-3);
  }
  CHECK(mixture.coverage > 0.97);
}

TEST_CASE("density models: a flow of standardised points in the data's own units") {
  Rng rng(16);
  const Flow flow = real_nvp(2, {.layers = 2, .network = {.start_as_identity = false}}, rng);
  const Standardize units(Tensor(Shape{2}, {3, -1}), Tensor(Shape{2}, {2, 0.5}));
  const DensityModel model = in_data_units(density_model(flow, 7), units);
  CHECK(model.parameters == 7);
  const Tensor x({{3, -1}, {5, 0}, {1, -1.25f}}), z({{0, 0}, {1, 2}, {-1, -0.5f}});
  const Tensor log_q = model.log_density(x), inner = flow.log_prob(z).value();
  for (Index i = 0; i < 3; ++i)
    CHECK(log_q.at({i}) == Approx(inner.at({i})).margin(1e-5));  // 2 / 2
  Rng same(17), again(17);
  const Tensor samples = model.sample(3000, same), noise = flow.sample(3000, again);
  CHECK(samples.at({2999, 0}) == Approx(3 + 2 * noise.at({2999, 0})));
  CHECK(samples.at({2999, 1}) == Approx(-1 + 0.5 * noise.at({2999, 1})));
  CHECK(model.log_density(samples).shape() == Shape{3000});  // in more than one chunk
}
