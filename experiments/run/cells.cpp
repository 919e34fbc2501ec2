#include "experiments/run/cells.h"

#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <optional>

#include "experiments/run/files/file.h"
#include "experiments/run/files/file_error.h"
#include "experiments/run/say.h"
#include "experiments/run/session.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

class Filling {
 public:
  Filling(const CellTable& table, const RunOptions& options, const std::atomic<bool>& stop)
      : table_(table), options_(options), stop_(stop), found_(table.cells.size()) {}

  void run() {
    fs::create_directories(options_.out / table_.name);
    parallel_for(std::ssize(found_), [this](Index i) { fill(static_cast<std::size_t>(i)); });
  }
  Rows rows() const {
    Rows all = Rows::array();
    for (const auto& cell : found_)
      if (cell) all.insert(all.end(), cell->begin(), cell->end());
    return all;
  }
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  fs::path file(const Cell& cell) const {
    return options_.out / table_.name / (cell.name + ".json");
  }

  // Of an earlier run with the same settings; nothing if there is none.
  std::optional<Rows> kept(const Cell& cell) const {
    if (!fs::exists(file(cell))) return {};
    try {
      const Rows saved = Rows::parse(read_file(file(cell)));
      if (saved.at("settings").get<Texts>() != table_.settings) return {};
      return saved.at("rows");
    } catch (const nlohmann::json::exception& error) {
      throw FileError(fmt::format("load: {}: {}; hint: run without --resume", file(cell).string(),
                                  error.what()));
    }
  }

  void fill(std::size_t i) {
    const Cell& cell = table_.cells[i];
    if (stop_) return;
    try {
      if (options_.resume || options_.figures_only) found_[i] = kept(cell);
      const bool known = found_[i].has_value();
      if (!known && !options_.figures_only) {
        Rows rows = cell.make(stop_);
        if (stop_) return;
        write_file(file(cell), Rows{{"settings", table_.settings}, {"rows", rows}}.dump(1) + "\n");
        found_[i] = std::move(rows);
      }
      const std::lock_guard lock(mutex_);
      if (found_[i]) say("{}{}\n", cell.name, known ? ", of an earlier run" : "");
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex_);
      failures_.push_back(fmt::format("{}: {}", cell.name, error.what()));
      complain("{}\n", failures_.back());
    }
  }

  const CellTable& table_;
  const RunOptions& options_;
  const std::atomic<bool>& stop_;
  std::vector<std::optional<Rows>> found_;
  std::mutex mutex_;
  std::vector<std::string> failures_;
};

std::string in_csv(const Rows& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  return value.dump();
}

}  // namespace

void learn(const Parameters& learned, const Data& data, const Loss& loss, TrainingOptions options,
           std::uint64_t seed, const std::atomic<bool>& stop, const Preparation& prepare) {
  if (stop) return;
  Weights weights(learned);
  options.seed = seed;
  train(weights, loss, data, options, {.prepare = prepare, .stop = &stop});
}

CellTable cell_table(std::string name, RunOptions options, Index samples) {
  Texts settings = texts_of(settings_of(options));
  settings.erase("seed");  // that of a cell is in its name
  settings["samples"] = fmt::format("{}", samples);
  return {std::move(name), std::move(settings), {}};
}

int run_cells(const CellTable& table, const RunOptions& options,
              const std::function<void(const Rows& rows)>& finish) {
  const StopRequests stop;
  Filling filling(table, options, stop.requested());
  filling.run();
  if (stop.signal() != 0) {
    complain("\n{}: stopped; go on with: {} --resume\n", options.program, options.command);
    return 128 + stop.signal();
  }
  const Rows rows = filling.rows();
  require<Error>(!rows.empty(), "no result; hint: see above, or run without --figures-only");
  write_file(options.out / (table.name + ".json"), rows.dump(1) + "\n");
  write_file(options.out / (table.name + ".csv"), to_csv(rows));
  finish(rows);
  say("{} rows in {}\n", rows.size(), (options.out / (table.name + ".csv")).string());
  if (filling.failures().empty()) return 0;
  complain("{}: {} of {} cells failed: {}\n", options.program, filling.failures().size(),
           table.cells.size(), filling.failures().front());
  return 1;
}

std::string to_csv(const Rows& rows) {
  std::string text;
  for (const Rows& row : rows) {
    std::vector<std::string> keys, values;
    for (const auto& [key, value] : row.items()) {
      keys.push_back(key);
      values.push_back(in_csv(value));
    }
    if (text.empty()) text = fmt::format("{}\n", fmt::join(keys, ","));
    text += fmt::format("{}\n", fmt::join(values, ","));
  }
  return text;
}

Rows number(double x) { return std::isfinite(x) ? Rows(x) : Rows(nullptr); }

double number_at(const Rows& row, const char* key) {
  const Rows& value = row.at(key);
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace gradflow
