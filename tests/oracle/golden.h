// The golden files: what PyTorch says that results should be (make_golden.py wrote them).
//
// The one idea: agreement is measured in roundings, that is in eps of `real`. So one test serves
// both precisions, and the suite can say how near it came, not just that it passed.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "experiments/run/files/safetensors.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {

using Row = std::map<std::string, Tensor>;

// The entries of a file by row: "Linear/parameters/weight" is "weight" of row "Linear/parameters".
inline std::map<std::string, Row> golden(const std::string& name) {
  std::map<std::string, Row> rows;
  const TensorFile file = load_tensors(GRADFLOW_ORACLE_DIRECTORY "/" + name + ".safetensors");
  for (const auto& [path, x] : file.tensors) {
    const std::size_t slash = path.rfind('/');
    const bool in_row = slash != std::string::npos;
    rows[in_row ? path.substr(0, slash) : ""][in_row ? path.substr(slash + 1) : path] = x;
  }
  return rows;
}

inline std::vector<Index> integers(const Tensor& x) {
  std::vector<Index> result;
  for (const real value : x.values()) result.push_back(static_cast<Index>(value));
  return result;
}

// Compares many results with golden ones and, at its end, prints how near they were.
class Agreement {
 public:
  Agreement(std::string what, double allowed) : what_(std::move(what)), allowed_(allowed) {}
  Agreement(const Agreement&) = delete;
  Agreement& operator=(const Agreement&) = delete;
  ~Agreement() {
    fmt::print("oracle: {}: {} numbers, off by {:.2g} roundings at most ({}); {:.3g} allowed\n",
               what_, numbers_, worst_, where_, allowed_);
  }

  // Each number may be off by `allowed` roundings of its own size or, if that is larger, of
  // `scale`: the size of the terms that it was added up from.
  void check(const Tensor& x, const Tensor& expected, double scale, const std::string& where) {
    INFO(what_ << ": " << where);
    REQUIRE(x.shape() == expected.shape());
    for (std::size_t i = 0; i < expected.values().size(); ++i) {
      const double value = x.values()[i], target = expected.values()[i];
      const double size = std::max(std::abs(target), scale);
      const double off = std::abs(value - target) / (size * std::numeric_limits<real>::epsilon());
      ++numbers_;
      if (!(off <= worst_)) {
        worst_ = off;
        where_ = where;
      }
      if (!(off <= allowed_))  // an assertion for each of some ten thousand numbers is slow
        FAIL_CHECK(
            fmt::format("element {} is {}, not {}: {:.3g} roundings", i, value, target, off));
    }
  }

 private:
  std::string what_, where_ = "-";
  double allowed_, worst_ = 0;
  Index numbers_ = 0;
};

}  // namespace gradflow
