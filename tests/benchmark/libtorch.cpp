// The five workloads on libtorch: its modules, its Adam, the loop that its users write.
//
//   benchmark_libtorch measure WORKLOAD THREADS SHARDS SECONDS WINDOWS CPU_TIME STARTED
//   benchmark_libtorch check WORKLOAD FILE
//
// `benchmark` calls it; nobody else needs to. `check` reads weights and a batch from a file that
// `benchmark` has written and prints how far its own results are from those in the file. Shards
// have no meaning here.
#include <iostream>

#include "tests/benchmark/libtorch_check.h"

namespace benchmark {
namespace {

// The shared library that answers to the name of BLAS here: libtorch itself does not say.
std::string blas_library() {
  std::ifstream maps("/proc/self/maps");
  std::string found = "built into libtorch";
  for (std::string line; std::getline(maps, line);)
    if (line.find("blas") != std::string::npos) {
      found = line.substr(line.find('/'));
      if (found.find("openblas") != std::string::npos) break;
    }
  return found;
}

void run_training(Model& model, const Batch& data, long batch, Meter& meter) {
  torch::optim::Adam adam(model.parameters(), torch::optim::AdamOptions(kLearningRate));
  const long points = data.points.size(0);
  for (bool more = true; more;) {
    const Tensor order = torch::randperm(points);
    for (long begin = 0; begin < points && more; begin += batch) {
      const Tensor rows = order.narrow(0, begin, std::min(batch, points - begin));
      Batch part;
      part.points = data.points.index_select(0, rows);
      if (data.labels.defined()) part.labels = data.labels.index_select(0, rows);
      adam.zero_grad();
      const Tensor loss = model.loss(part);
      loss.backward();
      torch::nn::utils::clip_grad_norm_(model.parameters(), kLongestGradient);
      adam.step();
      more = meter.step();
    }
  }
}

void run_sampling(FlowMatching& model, Meter& meter) {
  const Tensor noise = torch::randn({kSampled, kDim});
  Tensor y = carried(model, noise, 1);
  while (meter.step(kSampled)) y = carried(model, noise, kEulerSteps);
}

nlohmann::json measure(const Request& request) {
  torch::set_num_threads(request.threads);
  torch::set_num_interop_threads(1);
  torch::manual_seed(0);
  Meter meter(request);
  const bool large = request.workload == "large_mlp";
  const bool sampling = request.workload == "sampling";
  Batch data;
  if (!sampling)
    data.points = torch::randn({large ? kLargePoints : kPoints, large ? kLargeDim : kDim});
  if (request.workload == "conditional")
    data.labels = torch::randint(kClasses, {kPoints}, torch::kLong);
  meter.data_are_ready();
  const auto model = make_model(request.workload);
  if (sampling)
    run_sampling(dynamic_cast<FlowMatching&>(*model), meter);
  else
    run_training(*model, data, large ? kLargeBatch : kBatch, meter);
  return meter.result(blas_library());
}

}  // namespace
}  // namespace benchmark

int main(int argc, char** argv) {
  try {
    const std::string task = argc > 1 ? argv[1] : "";
    if (task == "measure")
      std::cout << benchmark::measure(benchmark::Request::from(argc, argv)) << '\n';
    else if (task == "check" && argc == 4)
      std::cout << benchmark::check(argv[2], argv[3]) << '\n';
    else
      throw std::runtime_error("this program is called by `benchmark`; see there");
  } catch (const std::exception& error) {
    std::cout << nlohmann::json{{"error", error.what()}} << '\n';
    return 1;
  }
}
