// The command lines of the programs.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include "experiments/run/settings.h"
#include "experiments/run/training.h"
#include "tensor/kernels/arithmetic.h"

namespace gradflow {

// What every experiment can be asked for; the defaults are those of the report. What a model has of
// its own are settings beside these.
struct RunOptions {
  TrainingOptions training;
  Index points = 250'000;
  int threads = 0;                                           // 0: all processors
  std::string arithmetic = name_of(gradflow::arithmetic());  // tensor/kernels/arithmetic.h
  std::string products = name_of(gradflow::products());
  std::filesystem::path out = "results";
  bool resume = false, figures_only = false, quick = false;
  bool svg = false, pdf = false;

  // The program's own name, and how it was called but for --resume and --figures-only: for messages
  // such as "go on with: ... --resume".
  std::string program = {}, command = {};
};
// Those that decide what is learned: they are saved with the weights.
Settings settings_of(RunOptions& options);

// How many samples a model is measured by: `most`, or a tenth of the points it has learned from, if
// these are fewer. A small run is to be a short one.
inline Index measured_samples(const RunOptions& options, Index most) {
  return std::clamp(options.points / 10, Index{1}, most);
}

// Reads the command line into `options` and the model's own settings. Returns the code with which
// the program should end, if it should: 0 after --help, 2 after a mistake. What there is to say has
// been said then.
std::optional<int> parse_options(int argc, char** argv, const std::string& description,
                                 RunOptions& options, const Settings& of_model = {});

// The same for a program that trains nothing and only draws: --out, --threads, --quick, --svg,
// --pdf.
std::optional<int> parse_drawing_options(int argc, char** argv, const std::string& description,
                                         RunOptions& options);

// The same for a program that has no option but --out.
std::optional<int> parse_out(int argc, char** argv, const std::string& description,
                             std::filesystem::path& out);

}  // namespace gradflow
