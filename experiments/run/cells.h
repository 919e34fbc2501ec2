// Cells: a table that many trainings fill, one cell each: a method on a set with a seed, say.
//
// The one idea: a cell is a function of the settings, so what it has found can be kept. Each has a
// file of its own, OUT/NAME/CELL.json, with the settings under which it was found: a run that is
// stopped goes on with the cells that are missing, and one with other settings takes none of them.
// As many cells run at a time as there are threads; each is computed on one, so that no number
// depends on how many there are.
//
// Read next: experiments/programs/few_steps.cpp.
#pragma once

#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/run/options.h"

namespace gradflow {

// A list of objects with the same keys, all of them texts or numbers; null: there is none.
using Rows = nlohmann::ordered_json;

struct Cell {
  std::string name;  // of its file
  // Its rows. What it returns after `stop` has been set is of no concern.
  std::function<Rows(const std::atomic<bool>& stop)> make;
};

struct CellTable {
  std::string name;         // of its files: NAME.csv, NAME.json, and the folder of the cells
  Texts settings;           // all that decides what is found in a cell, but for its name
  std::vector<Cell> cells;  // in the order of the rows
};

// How a cell learns: trains these as the options say, but with this seed, and with what is prepared
// of each batch if anything is; not at all if it is to stop.
void learn(const Parameters& learned, const Data& data, const Loss& loss, TrainingOptions options,
           std::uint64_t seed, const std::atomic<bool>& stop, const Preparation& prepare = {});

// An empty table of trainings as the options say, each with a seed of its own, which are judged by
// so many samples.
CellTable cell_table(std::string name, RunOptions options, Index samples);

// Fills the table, writes it, and lets `finish` make of its rows what else there is to be made.
// Returns the code with which the program should end: 0; 1 if a cell has failed, which is said, and
// the others are written; 128 and more after a signal, when how to go on is said. Throws Error if
// there is no row at all.
int run_cells(const CellTable& table, const RunOptions& options,
              const std::function<void(const Rows& rows)>& finish);

// The keys of the first row, then a line for each: numbers with six digits.
std::string to_csv(const Rows& rows);
// A number, or null if it is not finite; and back, as NaN.
nlohmann::ordered_json number(double x);
double number_at(const nlohmann::ordered_json& row, const char* key);

}  // namespace gradflow
