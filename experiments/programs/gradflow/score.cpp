// gradflow score: log p of each row of a file.
//
// The one idea: rows pass through. A file of any length is read, scored and written in blocks: as
// text, each row as it stood there; or, into arrays, the numbers that the model was asked about.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/programs/gradflow/verbs.h"
#include "experiments/run/say.h"
#include "experiments/table/write/output.h"
#include "experiments/table/write/row_writer.h"

namespace gradflow {
namespace {

constexpr Index kRowsAtOnce = 4096;

struct Scored {
  double log_p;
  std::string line;           // as it stood in the file
  std::vector<real> numbers;  // of the model's columns
};

// Rows of a file, block by block, with their log p.
class Scorer {
 public:
  Scorer(const TableModel& model, RowReader& rows, const ScoreCommand& command)
      : model_(model),
        rows_(rows),
        command_(command),
        faults_("score: " + rows.source(), /*columns_may_go=*/false) {
    std::vector<std::string> columns = model.all_columns();
    select_columns(rows_, columns, {.by_place = true, .words = model.words()}, faults_);
  }

  // The next ones; none at the end. Where something is wrong it reads on, to say all of it.
  std::vector<Scored> next() {
    std::vector<double> row(rows_.selected().size());
    std::vector<real> numbers;
    std::vector<Scored> block;
    while (std::ssize(block) < kRowsAtOnce &&
           next_row(rows_, row, command_.missing, dropped_, faults_)) {
      if (!faults_.empty()) continue;
      for (const double x : row) numbers.push_back(static_cast<real>(x));
      block.push_back({0, rows_.text(), {numbers.end() - std::ssize(row), numbers.end()}});
    }
    faults_.refuse();
    if (block.empty()) return block;
    const Tensor values({std::ssize(block), std::ssize(row)}, numbers);
    const auto log_p = log_prob(model_, values, Rng(command_.seed).fork(blocks_++));
    for (std::size_t i = 0; i < block.size(); ++i) block[i].log_p = log_p[i];
    all_.insert(all_.end(), log_p.begin(), log_p.end());
    return block;
  }

  Index dropped() const { return dropped_; }
  const std::vector<double>& all() const { return all_; }

 private:
  const TableModel& model_;
  RowReader& rows_;
  const ScoreCommand& command_;
  Faults faults_;
  std::uint64_t blocks_ = 0;
  Index dropped_ = 0;
  std::vector<double> all_;
};

// A name that is not there yet: of a file that was scored before, the second log p.
std::string new_name(std::string name, const std::vector<std::string>& names) {
  const std::string wanted = name;
  for (int k = 2; std::ranges::find(names, name) != names.end(); ++k)
    name = fmt::format("{}_{}", wanted, k);
  return name;
}

std::string header_of(const std::vector<std::string>& names, char delimiter) {
  std::string header;
  for (const std::string& name : names) {
    if (!header.empty()) header += delimiter;
    header += csv_field(name, delimiter);
  }
  return header + "\n";
}

// Where scored rows go.
class Scores {
 public:
  Scores(const TableModel& model, const RowReader& rows, const std::string& path)
      : model_(model), delimiter_(rows.delimiter()) {
    std::vector<std::string> names = names_arrays(path) ? model.all_columns() : rows.names();
    for (const char* name : {"log_prob", "rank"}) names.push_back(new_name(name, names));
    if (names_arrays(path))
      arrays_ = write_rows(path, columns_of(model, names));
    else
      text_.emplace(path).write(header_of(names, delimiter_));
  }

  void write(Scored row) {
    const auto log_p = static_cast<real>(row.log_p);
    const double rank_of = rank(model_, row.log_p);
    if (text_)
      return text_->write(fmt::format("{}{}{}{}{:.4f}\n", row.line, delimiter_,
                                      static_cast<float>(log_p), delimiter_, rank_of));
    row.numbers.insert(row.numbers.end(), {log_p, static_cast<real>(rank_of)});
    arrays_->write(row.numbers);
  }
  void finish() { text_ ? text_->finish() : arrays_->finish(); }

 private:
  const TableModel& model_;
  const char delimiter_;
  std::optional<Output> text_{};  // or
  std::unique_ptr<RowWriter> arrays_{};
};

// Both what some call the score, the mean, and what others call so, the sum.
void summarise(const TableModel& model, const Scorer& scorer) {
  const Estimate all = mean_of(scorer.all());
  const auto n = static_cast<double>(scorer.all().size());
  complain("{} rows: mean log p {:.4f} ± {:.4f} nats a row, sum {:.2f}, {:.4f} bits a dimension\n",
           n, all.value, all.error, all.value * n,
           -all.value / static_cast<double>(model.dim()) / std::log(2.0));
  if (scorer.dropped() > 0)
    complain("{} rows with something missing were left out\n", scorer.dropped());
}

}  // namespace

int run_score(const ScoreCommand& command) {
  const TableModel model = given_model(command.model, command.data);
  const auto rows = read_rows(open_source(command.data), command.array);
  Scorer scorer(model, *rows, command);
  Scores out(model, *rows, command.out);
  const auto less_likely = [](const Scored& a, const Scored& b) { return a.log_p < b.log_p; };
  std::vector<Scored> worst;
  for (auto block = scorer.next(); !block.empty(); block = scorer.next()) {
    if (command.top == 0) {
      for (Scored& row : block) out.write(std::move(row));
      continue;
    }
    worst.insert(worst.end(), block.begin(), block.end());
    std::ranges::stable_sort(worst, less_likely);
    worst.resize(std::min(worst.size(), static_cast<std::size_t>(command.top)));
  }
  for (Scored& row : worst) out.write(std::move(row));
  require<FileError>(!scorer.all().empty(), "score: {}: it has no rows", rows->source());
  out.finish();
  summarise(model, scorer);
  return 0;
}

}  // namespace gradflow
