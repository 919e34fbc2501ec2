#include "experiments/metrics/baselines.h"

#include <algorithm>
#include <memory>

#include "experiments/data/data_set.h"
#include "experiments/data/spread.h"
#include "experiments/metrics/choice.h"

namespace gradflow {
namespace {

constexpr Index kMostPoints = 10'000, kMostChecks = 2'000;  // to learn from, and to choose by
constexpr MixtureOptions kOptions{.floor = 1e-6};

double mean(const Tensor& values) {
  double sum = 0;
  for (const real value : values.values()) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

struct Parts {
  Tensor learned, checked;
};
Parts split(const Tensor& points) {
  const Index apart = points.rows() / 10, rest = points.rows() - apart;
  return {points.rows(0, std::min(rest, kMostPoints)),
          points.rows(rest, rest + std::min(apart, kMostChecks))};
}

// Of its numbers the weights sum to 1, and a covariance has three that differ.
DensityModel density_model(const Mixture& mixture) {
  return {in_parts([mixture](const Tensor& points) { return log_prob(mixture, points).value(); }),
          [mixture](Index n, Rng& rng) {
            return sample(mixture, zeros({n, 0}), rng);
          },
          6 * mixture.size() - 1};
}

}  // namespace

DensityModel best_gaussian(const Tensor& points) {
  return density_model(fit_mixture(points, kOptions, Rng(0)));
}

DensityModel best_mixture(const Tensor& points, const Rng& rng) {
  const auto [learned, checked] = split(points);
  return choose_mixture(
             {.most = std::min<Index>(64, learned.rows())},
             [&learned = learned, &rng](const MixtureOptions& options) {
               return density_model(fit_mixture(learned, options, rng));
             },
             [&checked = checked](const DensityModel& model) {
               return mean(model.log_density(checked));
             })
      .model;
}

DensityModel kernel_density(const Tensor& points) {
  const auto [centres, checked] = split(points);
  const auto kernels = [&centres = centres](double width) {
    auto spread = std::make_shared<Spread>(width);
    for (Index i = 0; i < centres.rows(); ++i)
      spread->add(Point2{centres.data()[2 * i], centres.data()[2 * i + 1]},
                  1 / static_cast<double>(centres.rows()));
    return spread;
  };
  const auto log_density = [](const std::shared_ptr<const Spread>& spread) {
    return at_each_point([spread](double x, double y) { return spread->log_density(x, y); });
  };
  const double width = choose_width(1, [&, &checked = checked](double tried) {
    return mean(log_density(kernels(tried))(checked));
  });
  const auto sample = [centres = centres, width](Index n, Rng& rng) {
    const Tensor at = kernel::gather(centres, rng.integers(centres.rows(), n));
    return (at + static_cast<real>(width) * Var(rng.normal({n, 2}))).value();
  };
  return {log_density(kernels(width)), sample, 2 * centres.rows() + 1};
}

}  // namespace gradflow
