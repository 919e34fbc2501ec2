// A network of four million parameters, trained on large batches by as many processes as there are:
//
//   mpirun -n 4 build/mpi/experiments/large_batch
//
// It learns to say again what it is told: x (B, 784) -> 1024 -> 1024 -> 1024 -> 784. The weights
// are the same for any number of processes; a run that was stopped may go on (--resume) with more
// of them, or fewer. At the end it says what the processes' talking costs, and what that lets
// expect of more machines.
//
// Read next: nn/ranks.h.

#include <algorithm>

#include "experiments/run/clock.h"
#include "experiments/run/experiment.h"
#include "nn/mlp.h"

namespace gradflow {
namespace {

constexpr Index kPixels = 784, kUnits = 1024, kCauses = 16;

// Points that lie in a space of 16 dimensions: x = z A with z ~ N(0, I).
Tensor make_points(Index n, Rng& rng) {
  const Tensor A = rng.normal({kCauses, kPixels}), z = rng.normal({n, kCauses});
  return (matmul(z, A) * real(0.25)).value();
}

// The median of several times.
double usual_seconds(const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int i = 0; i < 15; ++i) {
    const double began = seconds_now();
    work();
    seconds.push_back(seconds_now() - began);
  }
  std::ranges::nth_element(seconds, seconds.begin() + 7);
  return seconds[7];
}

// What all ranks do, once a step, to know the sum of their gradients of n numbers.
double seconds_of_talking(Index shards, Index n) {
  const Index rows = own_begin(shards, rank() + 1) - own_begin(shards, rank());
  const Index columns = own_begin(n, rank() + 1) - own_begin(n, rank());
  const Tensor own_rows = zeros({std::max<Index>(rows, 1), n});
  Tensor own_columns = zeros({shards, columns}), sum = zeros({n});
  real* const to = own_columns.mutable_data();
  real* const all = sum.mutable_data();
  return usual_seconds([&] {
    exchange(own_rows.data(), shards, n, to);
    complete(all, n);
  });
}

struct Network {
  std::string name;
  double latency, bandwidth;  // seconds for a message, bytes a second
};

// Each rank sends and receives its share of the numbers twice, to and from every other one.
double seconds_of_talking(const Network& network, Index n, double R) {
  const double bytes = static_cast<double>(n) * sizeof(real) * (R - 1) / R;
  return 2 * ((R - 1) * network.latency + bytes / network.bandwidth);
}

// A step of one machine takes `alone` seconds that can be shared out, and `each` that cannot.
void say_expected(const Network& network, double alone, double each, Index n) {
  std::string line = fmt::format("{:<30}", network.name);
  for (const double R : {2, 4, 8, 16, 32, 64}) {
    const double seconds = alone / R + each + seconds_of_talking(network, n, R);
    line += fmt::format("{:>8.1f}", (alone + each) / seconds);
  }
  say("{}\n", line);
}

void say_cost(const Mlp& trained, const TrainingOptions& options, double step) {
  Mlp copy = trained;
  Weights weights(parameters(copy));
  Adam adam(weights);
  const Tensor gradient = zeros({weights.count()});
  const double each = usual_seconds([&] { adam.step(gradient); });
  const double talking = ranks() > 1 ? seconds_of_talking(options.shards, weights.count()) : 0;
  const double message = seconds_of_talking(ranks(), ranks()) / 2;
  const auto R = static_cast<double>(ranks());
  const double alone = std::max(0.0, step - talking - each) * R;
  say("a step takes {:.1f} ms, of which talking {:.1f} ms ({:.0f} %), Adam {:.1f} ms\n", 1e3 * step,
      1e3 * talking, 100 * talking / step, 1e3 * each);
  say("\nTimes as fast as one machine like this, batches of {} on several machines, expected:\n"
      "{:<30}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}\n",
      options.batch, "machines", 2, 4, 8, 16, 32, 64);
  if (ranks() > 1) {
    const double bytes = 2 * static_cast<double>(weights.count()) * sizeof(real) * (R - 1) / R;
    const double latency = message / R;
    const double bandwidth = bytes / std::max(1e-9, talking - 2 * message);
    say_expected({fmt::format("as here: {:.1f} us, {:.1f} GB/s", 1e6 * latency, 1e-9 * bandwidth),
                  latency, bandwidth},
                 alone, each, weights.count());
  }
  say_expected({"1 Gbit/s, 50 us", 50e-6, 0.117e9}, alone, each, weights.count());
  say_expected({"10 Gbit/s, 20 us", 20e-6, 1.17e9}, alone, each, weights.count());
  say_expected({"100 Gbit/s, 3 us", 3e-6, 11.7e9}, alone, each, weights.count());
}

int run(RunOptions& options) {
  require(!options.figures_only, "large_batch: --figures-only given; it has no figures");
  const TrainingOptions& training = options.training;
  Rng rng(training.seed);
  Mlp mlp({kPixels, kUnits, kUnits, kUnits, kPixels}, rng);
  const StopRequests stop;
  const Outcome outcome =
      train_and_save({.name = "large_batch",
                      .parameters = parameters(mlp),
                      .loss = [&](const Data& batch,
                                  Rng&) { return mean(square(mlp(batch.points) - batch.points)); },
                      .data = {make_points(options.points, rng)}},
                     options, settings_of(options), stop);
  if (outcome.stopped_by != 0) return 128 + outcome.stopped_by;
  say("mean squared error {:.4f}\n", outcome.history.epochs.back().loss);
  say_cost(mlp, training, 1 / outcome.history.steps_per_second);
  return 0;
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  const RanksScope ranks;
  RunOptions options;
  options.points = 16'384;
  options.training = {.epochs = 2, .batch = 1024, .shards = 8};
  if (const auto end = parse_options(argc, argv,
                                     "Trains a large network on large batches, by all processes "
                                     "that mpirun has started.",
                                     options))
    return *end;
  return run_program(options, [&] { return run(options); });
}
