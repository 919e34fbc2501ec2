// run/cells.h: what is kept of a table, what is taken again, and what is written.
#include "experiments/run/cells.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <limits>
#include <thread>

#include "experiments/run/files/file.h"
#include "experiments/run/files/file_error.h"
#include "tests/catch.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

struct Scratch {
  Scratch() {
    options.out = fs::temp_directory_path() / fmt::format("gradflow_test_cells_{}", getpid());
    fs::create_directories(options.out);
  }
  ~Scratch() { fs::remove_all(options.out); }
  RunOptions options;
};

// Three cells, of one row each but the second, which has two.
CellTable squares(std::atomic<int>& made, const std::string& factor = "1") {
  CellTable table{"squares", {{"factor", factor}}, {}};
  for (const int i : {2, 3, 4})
    table.cells.push_back({std::to_string(i), [i, &made](const std::atomic<bool>&) {
                             ++made;
                             Rows rows = Rows::array({{{"number", i}, {"square", number(i * i)}}});
                             if (i == 3) rows.push_back({{"number", -3}, {"square", number(9)}});
                             return rows;
                           }});
  return table;
}

Rows finished(const CellTable& table, const RunOptions& options, int code = 0) {
  Rows result;
  CHECK(run_cells(table, options, [&](const Rows& rows) { result = rows; }) == code);
  return result;
}

}  // namespace

TEST_CASE("cells: rows in the order of the cells, as JSON and as CSV") {
  Scratch scratch;
  std::atomic<int> made = 0;
  const Rows rows = finished(squares(made), scratch.options);
  CHECK(made == 3);
  CHECK(to_csv(rows) == "number,square\n2,4\n3,9\n-3,9\n4,16\n");
  CHECK(read_file(scratch.options.out / "squares.csv") == to_csv(rows));
  CHECK(Rows::parse(read_file(scratch.options.out / "squares.json")) == rows);
}

TEST_CASE("cells: a run that goes on makes only what is missing, and takes nothing of others") {
  Scratch scratch;
  std::atomic<int> made = 0;
  const Rows first = finished(squares(made), scratch.options);
  fs::remove(scratch.options.out / "squares" / "3.json");
  scratch.options.resume = true;
  CHECK(finished(squares(made), scratch.options) == first);
  CHECK(made == 4);
  CHECK(finished(squares(made, "2"), scratch.options) == first);  // other settings: all again
  CHECK(made == 7);
  scratch.options.resume = false;
  CHECK(finished(squares(made, "2"), scratch.options) == first);  // not asked to go on: all again
  CHECK(made == 10);
}

TEST_CASE("cells: only figures: of what is there, and an error if nothing is") {
  Scratch scratch;
  std::atomic<int> made = 0;
  scratch.options.figures_only = true;
  CHECK_THROWS_AS(run_cells(squares(made), scratch.options, [](const Rows&) {}), Error);
  scratch.options.figures_only = false;
  finished(squares(made), scratch.options);
  fs::remove(scratch.options.out / "squares" / "3.json");
  scratch.options.figures_only = true;
  CHECK(finished(squares(made), scratch.options).size() == 2);
  CHECK(made == 3);
}

TEST_CASE("cells: one that fails is said, and the others are written") {
  Scratch scratch;
  std::atomic<int> made = 0;
  CellTable table = squares(made);
  table.cells[0].make = [](const std::atomic<bool>&) -> Rows { throw Error("no square"); };
  CHECK(finished(table, scratch.options, 1).size() == 3);
  CHECK_FALSE(fs::exists(scratch.options.out / "squares" / "2.json"));
}

TEST_CASE("cells: a file that is none is an error, and not taken for an empty cell") {
  Scratch scratch;
  std::atomic<int> made = 0;
  finished(squares(made), scratch.options);
  write_file(scratch.options.out / "squares" / "3.json", "{\"settings\": {");
  scratch.options.resume = true;
  CHECK(finished(squares(made), scratch.options, 1).size() == 2);
}

TEST_CASE("cells: a signal ends the run, and what was being made is not kept") {
  Scratch scratch;
  std::atomic<int> made = 0;
  CellTable table = squares(made);
  for (Cell& cell : table.cells)
    cell.make = [&made](const std::atomic<bool>& stop) {
      if (made++ == 0) std::raise(SIGTERM);  // once: a second signal ends the program
      while (!stop) std::this_thread::yield();
      return Rows::array({{{"number", 0}}});
    };
  bool finish = false;
  CHECK(run_cells(table, scratch.options, [&](const Rows&) { finish = true; }) == 128 + SIGTERM);
  CHECK_FALSE(finish);
  CHECK(fs::is_empty(scratch.options.out / "squares"));
}

TEST_CASE("cells: a number that is not finite is null, and comes back as NaN") {
  const Rows row{{"x", number(std::numeric_limits<double>::infinity())}, {"y", number(0.5)}};
  CHECK(row.at("x").is_null());
  CHECK(std::isnan(number_at(row, "x")));
  CHECK(number_at(row, "y") == 0.5);
}

}  // namespace gradflow
