// The command lines of the experiments.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "experiments/run/training.h"

namespace gradflow {

// What a command line asks for; the defaults are those of the report.
struct RunOptions {
  std::uint64_t seed = 0;
  Index epochs = 20;
  Index points = 250'000;
  Index batch = 128;
  Index shards = 2;
  double learning_rate = 1e-3;
  double clip = 1;  // the largest norm of a gradient; infinity: not clipped
  int threads = 0;  // 0: all processors
  std::filesystem::path out = "results";
  bool resume = false, figures_only = false, quick = false;
  bool svg = false, pdf = false;
  // Of the normalizing flow alone:
  double scale_bound = 2;                  // infinity: unbounded
  std::string permutations = "alternate";  // or "random"
  bool zero_start = true;

  // The program's own name, and how it was called but for --resume and --figures-only: for messages
  // such as "go on with: ... --resume".
  std::string program, command;

  // Those that decide what is learned, by name, and back. They are saved with the weights.
  std::map<std::string, std::string> settings() const;
  void take_settings(const std::map<std::string, std::string>& settings);  // throws FileError
};

// Which of the three: they differ in their options.
enum class Model { normalizing_flow, flow_matching, conditional_flow_matching };

// Reads the command line. For --help it prints the help and ends the program with code 0, for a
// mistake it prints what is wrong and ends it with code 2.
RunOptions parse_options(int argc, char** argv, Model model, const std::string& description);

// The same for a program that trains nothing and only draws: --out, --threads, --quick, --svg,
// --pdf.
RunOptions parse_drawing_options(int argc, char** argv, const std::string& description);

// The same for a program that has no option but --out, which is `out` unless given.
std::filesystem::path parse_out(int argc, char** argv, const std::string& description,
                                std::filesystem::path out = "results");

}  // namespace gradflow
