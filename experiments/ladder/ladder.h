// What the steps of the ladder share: the option --out, errors told in one line, and a tensor's
// elements as the numbers that figures are made of.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "experiments/run/options.h"
#include "experiments/run/session.h"

namespace gradflow {

// A step's main: `body` gets the directory for its figures. Returns the program's exit code.
inline int run_step(int argc, char** argv, const std::string& description,
                    const std::function<void(const std::filesystem::path& out)>& body) {
  RunOptions options;
  options.out = "results/ladder";
  options.program = std::filesystem::path(argv[0]).filename().string();
  if (const auto end = parse_out(argc, argv, description, options.out)) return *end;
  return run_program(options, [&] {
    body(options.out);
    return 0;
  });
}

// All elements, in row-major order.
inline std::vector<double> numbers(const Tensor& x) {
  return {x.values().begin(), x.values().end()};
}

}  // namespace gradflow
