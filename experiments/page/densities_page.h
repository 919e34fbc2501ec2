// The table of all models on all sets: as rows, as JSON, as CSV, and as a page.
//
// Read next: experiments/programs/densities.cpp, which fills it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/metrics/truth.h"
#include "experiments/page/html.h"

namespace gradflow {

struct DensityRow {  // what a model made of a set
  std::string set = {}, model = {};
  Measures measures = {};
  Index parameters = 0;
  double seconds = 0;  // of training, on one core
  std::uint64_t seed = 0;
  bool edges = false;  // of the set: no smooth map gets to its floor
};

// {set, model, nll, floor, gap, se, mass, parameters, seconds, seed, ...}; what is infinite is
// null.
nlohmann::ordered_json to_json(const DensityRow& row);
DensityRow row_from(const nlohmann::ordered_json& json);  // throws what the JSON library does

std::string densities_csv(const std::vector<DensityRow>& rows);

// Rows of one set are next to each other. `picture` are the bytes of the figure, a PNG; none: there
// is none.
std::string densities_page(const std::vector<DensityRow>& rows, const std::string& picture,
                           const std::string& command);

}  // namespace gradflow
