// registry: what the tables of the tests have checked, counted while they do it.
//
// The one idea: a table of rows and a list of checks promise rows x checks, and a promise is
// counted where it is kept. Tests of tables carry the tag [registry]; they run in one process,
// which prints the count when it ends (into the file $GRADFLOW_REGISTRY_FILE if that is set).
// tests/run.sh shows it.
#pragma once

#include <string>

namespace gradflow {

// A check of one row has been made. `entry` is what the row is about, e.g. "exp(x)" for all shapes.
void counted(const std::string& table, const std::string& check, const std::string& entry);

// A row is of a kind that the table must have. It is shown, and not counted as a check.
void noted(const std::string& table, const std::string& kind, const std::string& entry);

}  // namespace gradflow
