// TableModel: a density of the rows of a table, and everything that belongs to it. One file holds
// it all.
//
// The one idea: whatever was fitted, a Gaussian, a mixture or a flow, is a Flow, whose outermost
// layer standardises. So log p is in the units of the table, and one function scores, samples,
// saves and loads them all. In C++ a model that somebody has fitted is
//
//   const Flow flow = load_flow("model.safetensors");
//   flow.log_prob(points);
//
// Read next: fit.h, how one comes about; model.cpp, what the flows are made of.
#pragma once

#include <filesystem>
#include <optional>

#include "experiments/metrics/estimate.h"
#include "experiments/run/files/safetensors.h"
#include "experiments/run/history.h"
#include "experiments/table/architecture.h"
#include "experiments/table/conditions.h"
#include "experiments/table/table.h"
#include "flows/flow.h"
#include "flows/linear/standardize.h"

namespace gradflow {

// Not trained; `units` are those of the columns.
Flow make_flow(const Architecture& architecture, const Standardize& units,
               const Conditions& conditions, Rng& rng);

struct Facts {              // what is known of a fit
  std::string source = {};  // the file
  Index rows = 0, dropped = 0, training = 0, validation = 0, test = 0;
  std::uint64_t seed = 0;
  double seconds = 0;
  bool stopped = false;  // before its end
  // The mean log p that each has reached on rows that it was not trained on, in nats a row.
  std::map<std::string, Estimate> on_validation, on_test;  // by kind, and "kde"
  std::map<std::string, History> histories;                // of the flows, by kind
  // What the kept model gains on the validation rows: a flow over the best simple model, a simple
  // one over the best flow, on the same rows, so that what makes a row hard for both does not
  // count.
  std::optional<Estimate> gain;
  std::string gain_over = {};  // the kind of that other one
  std::vector<std::string> warnings;
};

struct TableModel {
  Architecture architecture;
  std::vector<std::string> columns;  // what it is a density of
  Conditions conditions;             // under which
  // The width of the uniform noise that is added to each column before it is scored, and the grid
  // that samples are put on; 0: neither.
  std::vector<double> grid;
  Flow flow;
  Facts facts = {};
  // The log p of up to 10 000 training rows, sorted: by it a row is more or less likely than
  // others. Of an experiment's model, 1000 rows that it has drawn itself.
  Tensor ranks = {};

  Index dim() const { return std::ssize(columns); }  // D
  // The columns that a table needs for it to be scored: `columns`, then the conditions.
  std::vector<std::string> all_columns() const;
  std::map<std::string, std::vector<std::string>> words() const;  // of those of words
  std::string hash() const;                                       // of its flow's tensors
};

// Of rows (n, all_columns()), in nats and in the table's units; on all threads. `rng` is that of
// the noise, if there is such.
std::vector<double> log_prob(const TableModel& model, const Tensor& rows, const Rng& rng = Rng(0));
// n rows, under the conditions of `given` (n, conditions), as they stand in the table.
Tensor sample(const TableModel& model, const Tensor& given, Rng& rng);
// The share of the training rows that are less likely than this.
double rank(const TableModel& model, double log_p);

// x + width U for each column: uniform noise on the grid; x itself where the width is 0.
Tensor dequantised(const Tensor& points, const std::vector<double>& grid, Rng& rng);

// Throw FileError, naming the file. What is loaded scores as what was saved, to the last bit.
// Loaded are also the models of experiments, and of the page in the browser (plane_model.h): of
// columns x and y, and of a class, if they are told one.
void save_model(const std::filesystem::path& path, const TableModel& model);
TableModel load_model(const std::filesystem::path& path);
// The same without the file system: what a file holds. `name` is for the error messages.
TensorFile file_of(const TableModel& model);
TableModel model_in(const TensorFile& file, const std::string& name);
Flow load_flow(const std::filesystem::path& path);

// {rows, columns, model, log_prob_test, se, baselines, seconds, hash, ...}: fit.json.
std::string fit_json(const TableModel& model);

}  // namespace gradflow
