// gradflow fit: from a file to a model, its numbers and its page.
#include <fcntl.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "experiments/page/table_page.h"
#include "experiments/programs/gradflow/verbs.h"
#include "experiments/run/progress.h"
#include "experiments/run/say.h"
#include "experiments/run/signals.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

// A directory that no other fit may write to as long as this one lives.
class Claim {
 public:
  explicit Claim(const fs::path& directory) : directory_(directory) {
    std::error_code failed;
    made_ = fs::create_directories(directory, failed);
    descriptor_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require<FileError>(descriptor_ >= 0, "fit: {}: cannot be made, or is not a directory",
                       directory.string());
    const bool mine = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    if (!mine) ::close(descriptor_);
    require<FileError>(mine, "fit: {}: another fit is writing there; hint: another --out",
                       directory.string());
  }
  ~Claim() {
    std::error_code not_empty;  // it is left behind only with something in it
    if (made_) fs::remove(directory_, not_empty);
    ::close(descriptor_);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  fs::path directory_;
  bool made_ = false;
  int descriptor_;
};

fs::path default_directory(const std::string& data) {
  if (data == "-") return "table.fit";
  fs::path name = fs::path(data).filename();
  while (name.has_extension()) name = name.stem();
  return name.string() + ".fit";
}

std::string with_error(const Estimate& r) {
  return fmt::format("{:.4f} ± {:.4f}", r.value, r.error);
}

// The kept one against the best of the other sort, on the validation part.
std::string verdict(const TableModel& model) {
  const std::string& kind = model.architecture.kind;
  const Facts& facts = model.facts;
  std::string text = fmt::format("kept: {}", kind);
  if (facts.gain)
    text += fmt::format(", {:.4f} ± {:.4f} nats a row {} than {}, on the validation rows",
                        std::abs(facts.gain->value), facts.gain->error,
                        facts.gain->value >= 0 ? "better" : "WORSE", facts.gain_over);
  const bool lost = facts.gain && facts.gain->value < 0;
  return text + (lost ? "; hint: --model auto keeps the best" : "");
}

void tell(const TableModel& model) {
  const Facts& facts = model.facts;
  say("{}\n", verdict(model));
  const auto test = facts.on_test.find(model.architecture.kind);
  if (test == facts.on_test.end()) return;
  const double bits = -test->second.value / static_cast<double>(model.dim()) / std::log(2.0);
  say("on {} test rows: {} nats a row, in the table's units; {:.4f} bits a dimension\n", facts.test,
      with_error(test->second), bits);
}

}  // namespace

int run_fit(FitCommand command) {
  if (command.out.empty()) command.out = default_directory(command.data);
  const fs::path model_path = command.out / "model.safetensors";
  require<FileError>(command.resume || command.overwrite || !fs::exists(model_path),
                     "fit: {}: there is a model already; hint: --resume to go on, --overwrite to "
                     "begin anew, or another --out",
                     model_path.string());
  command.read.last = command.fit.given;
  for (const std::string& column : command.fit.given) command.read.words[column] = {};
  Source source = open_source(command.data);
  const std::string name = source.name();
  Faults faults("fit: " + name);
  Table table = read_table(std::move(source), command.read, faults);
  const Index given = std::ranges::count_if(table.names, [&](const std::string& column) {
    return std::ranges::find(command.fit.given, column) != command.fit.given.end();
  });
  std::vector<std::string> warnings =
      check_table(table, {.constant_allowed = command.dequantise, .given = given}, faults);
  faults.refuse();
  const Claim claim(command.out);
  const Index dropped = table.dropped;
  say("{}: {} rows of {}{}\n", name, table.rows(), fmt::join(table.names, ", "),
      dropped > 0 ? fmt::format("; {} more were dropped", dropped) : "");
  if (command.dequantise) {
    command.fit.grid = grid_of(table);
    command.fit.grid.resize(table.names.size() - command.fit.given.size());
    const std::vector<double>& grid = command.fit.grid;
    const bool all_alike = std::ranges::count(grid, grid.front()) == std::ssize(grid);
    say("uniform noise of width {} is added; all numbers refer to that\n",
        all_alike ? fmt::format("{}", grid.front()) : fmt::format("{}", fmt::join(grid, ", ")));
  }
  command.split.seed = command.fit.training.seed;
  const Split parts = split(std::move(table), command.split);
  if (!command.fit.given.empty())
    std::ranges::copy(check_conditions(conditions_of(parts, command.fit.given), parts.training),
                      std::back_inserter(warnings));
  for (const std::string& warning : warnings) complain("warning: {}\n", warning);
  say("{} rows to train on, {} to validate, {} to test (seed {})\n", parts.training.rows(),
      parts.validation.rows(), parts.test.rows(), command.split.seed);

  const StopRequests stop;
  std::optional<ProgressBar> bar;
  FitWatch watch{.stop = &stop.requested(),
                 .directory = command.out / "checkpoints",
                 .resume = command.resume};
  watch.on_step = [&](const std::string& kind, const Progress& progress, double best) {
    if (!bar) bar.emplace(kind);
    bar->on_step(progress, fmt::format("  validation {:.4f}", best));
  };
  watch.on_model = [&](const std::string& kind, const Estimate& on_validation) {
    bar.reset();
    say("{:<14} {:>22} nats a row on the validation part\n", kind, with_error(on_validation));
  };
  fs::create_directories(watch.directory);
  TableModel model = fit(parts, command.fit, watch);
  bar.reset();
  std::error_code not_empty;  // if there is nothing to go on with
  fs::remove(watch.directory, not_empty);
  model.facts.source = command.data;
  model.facts.dropped = dropped;
  for (const std::string& warning : model.facts.warnings) complain("warning: {}\n", warning);
  model.facts.warnings.insert(model.facts.warnings.begin(), warnings.begin(), warnings.end());
  save_model(model_path, model);
  write_file(command.out / "fit.json", fit_json(model));
  tell(model);
  say("the model is {}, its numbers fit.json beside it; weights {}\n", model_path.string(),
      model.hash());
  if (!command.no_page && stop.signal() == 0) {
    const fs::path page = command.out / "report.html";
    const Tensor& unseen = parts.test.rows() >= 100 ? parts.test : parts.validation;
    write_table_page(page, {model, parts.training, unseen, command.command},
                     Rng(command.split.seed));
    say("the page is {}\n", page.string());
  }
  if (stop.signal() != 0) {
    complain("gradflow: stopped; the best so far is saved; go on with: {} --resume\n",
             command.command);
    return 128 + stop.signal();
  }
  return 0;
}

}  // namespace gradflow
