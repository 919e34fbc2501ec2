// Messages: what a page asks of the laboratory, and what it is answered.
//
// The one idea: a question is a name and JSON, an answer is JSON; numbers by the thousand go beside
// it, as arrays, to which the JSON refers as {"$array": 3}.
//
//   {"call": "density", "args": {"which": "flow", "points": {"$array": 0}}}
//   {"log_p": {"$array": 0}}
//
// Read next: messages.cpp, which lists all questions; engine.cpp.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "experiments/browser/lab.h"

namespace gradflow {

using Json = nlohmann::json;

// What comes with a question, or goes with its answer.
struct Arrays {
  std::vector<std::vector<float>> given, result;

  // An array that the JSON refers to. Throws Error if it is none.
  std::span<const float> at(const Json& reference) const;
  Json add(std::span<const float> numbers);
};

// Answers one question. Throws Error for one that makes no sense.
Json answer(Lab& lab, const std::string& call, const Json& args, Arrays& arrays);

// As a page shows it: of one model, its steps, loss and the rate.
Json progress(const Lab& lab, Which which);

}  // namespace gradflow
