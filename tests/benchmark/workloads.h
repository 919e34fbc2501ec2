// The five workloads on this library, through its public functions: what is measured is what a user
// of train() and carry() gets.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "experiments/run/training.h"
#include "tests/benchmark/meter.h"

namespace gradflow {

inline const std::vector<std::string> kWorkloads{"normalizing_flow", "flow_matching", "conditional",
                                                 "sampling", "large_mlp"};
std::string unit_of(const std::string& workload);  // "steps/s" or "samples/s"

// Measures in this process.
nlohmann::json measure(const benchmark::Request& request);

// A model with its loss, and what it can be trained on.
struct Trained {
  virtual ~Trained() = default;
  virtual void visit(const Visitor& visitor) = 0;
  virtual Var loss(const Data& batch, Rng& rng) const = 0;
  Data data;
  Index batch = benchmark::kBatch;
};
std::unique_ptr<Trained> make_normalizing_flow(Index couplings, const std::vector<Index>& hidden,
                                               bool start_as_identity = true);
std::unique_ptr<Trained> make_flow_matching(const std::vector<Index>& hidden, bool conditional);
// One of those that kWorkloads names ("sampling": the model, and no data).
std::unique_ptr<Trained> make_workload(const std::string& name);

// Steps per second of train(), in windows.
void run_training(Trained& model, Index shards, benchmark::Meter& meter);

// Writes to `file` all that another program needs to do the same: weights, a batch, its loss, the
// gradient, and the weights after two steps of Adam, the second along a quarter of that gradient;
// for "sampling": weights, points, and where they are after kCheckedSteps steps.
void write_check(const std::string& workload, const std::filesystem::path& file);

}  // namespace gradflow
