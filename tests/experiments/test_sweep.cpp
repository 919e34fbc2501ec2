// Every recipe on every set, from five seeds: no training meets a number that is not finite. It
// takes minutes, and so is run when it is asked for:
//
//   build/release/tests/tests_experiments "[sweep]"
#include <cmath>

#include "experiments/data/catalogue.h"
#include "experiments/run/training.h"
#include "flows/linear/standardize.h"
#include "flows/recipes.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace gradflow;

// 200 steps at a rate that is high; a loss, a gradient or a weight that is not finite is thrown by
// train().
TEST_CASE("sweep: recipes, sets and seeds", "[.][sweep]") {
  constexpr Index kPoints = 5120, kEpochs = 5;
  Index trained = 0;
  for (const std::string& name : distinct_sets()) {
    const DataSet set = data_set(name);
    for (std::uint64_t seed = 0; seed < 5; ++seed)
      for (const Recipe& known : kRecipes) {
        CAPTURE(name, known.name, seed);
        Rng rng(seed);
        const Tensor raw = set.sample(kPoints, rng).points;
        const Tensor points = Standardize::of(raw).to_latent(raw).points.value();
        Flow flow = known.make(2, {.layers = 4, .network = {.hidden = {32, 32}}}, rng);
        Weights weights(parameters(flow));
        const Loss loss = [&](const Data& batch, Rng&) {
          return -mean(flow.log_prob(batch.points));
        };
        const TrainingOptions options{.epochs = kEpochs,
                                      .shards = 1,
                                      .learning_rate = 5e-3,
                                      .largest_gradient = 5,
                                      .seed = seed};
        const TrainingResult result = train(weights, loss, Data{points, {}}, options);
        REQUIRE(std::isfinite(result.epochs.back().loss));
        // It has learned something: a normal distribution has 1 + log 2 pi.
        CHECK(result.epochs.back().loss < 2.85);
        CHECK(all_finite(flow.log_prob(points).value()));
        CHECK(all_finite(flow.sample(1000, rng)));
        ++trained;
      }
  }
  CHECK(trained == 18 * 5 * 6);
}
