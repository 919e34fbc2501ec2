// report.json: what the experiments measured, a section each, for the page and for whoever wants
// the numbers.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "experiments/run/history.h"

namespace gradflow {

// Puts `section` under the key `name` into <out>/report.json, beside what stands there already.
void write_report(const std::filesystem::path& out, const std::string& name,
                  const nlohmann::json& section);
// The part that all models' sections share: parameters, seconds, seed, options, hash.
nlohmann::json report_basics(Index parameters, const History& history, const Settings& settings);

}  // namespace gradflow
