// gradflow score: log p of each row of a file.
//
// The one idea: rows pass through. A file of any length is read, scored and written in blocks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/programs/gradflow/verbs.h"
#include "experiments/run/say.h"
#include "experiments/table/output.h"

namespace gradflow {
namespace {

constexpr Index kBlock = 4096;

struct Scored {
  double log_p;
  std::string line;  // as it stood in the file
};

// Rows of a file, block by block, with their log p.
class Scorer {
 public:
  Scorer(const TableModel& model, RowReader& rows, const ScoreCommand& command)
      : model_(model), rows_(rows), command_(command) {
    rows_.select(find_columns(rows_, model.all_columns()));
  }

  // The next ones; none at the end.
  std::vector<Scored> next() {
    std::vector<double> row(rows_.selected().size());
    std::vector<real> numbers;
    std::vector<Scored> block;
    while (std::ssize(block) < kBlock && next_whole_row(rows_, row, command_.missing, dropped_)) {
      for (const double x : row) numbers.push_back(static_cast<real>(x));
      block.push_back({0, rows_.text()});
    }
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
  std::uint64_t blocks_ = 0;
  Index dropped_ = 0;
  std::vector<double> all_;
};

std::string header_of(const RowReader& rows) {
  std::string header;
  for (const std::string& name : rows.names())
    header += csv_field(name, rows.delimiter()) + rows.delimiter();
  return header + "log_prob" + rows.delimiter() + "rank\n";
}

std::string line_of(const TableModel& model, const Scored& row, char delimiter) {
  return fmt::format("{}{}{}{}{:.4f}\n", row.line, delimiter, static_cast<float>(row.log_p),
                     delimiter, rank(model, row.log_p));
}

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
  const TableModel model = load_model(model_file(command.model));
  const auto rows = read_rows(open_source(command.data), command.array);
  Scorer scorer(model, *rows, command);
  Output out(command.out);
  out.write(header_of(*rows));
  const auto less_likely = [](const Scored& a, const Scored& b) { return a.log_p < b.log_p; };
  std::vector<Scored> worst;
  for (auto block = scorer.next(); !block.empty(); block = scorer.next()) {
    if (command.top == 0) {
      for (const Scored& row : block) out.write(line_of(model, row, rows->delimiter()));
      continue;
    }
    worst.insert(worst.end(), block.begin(), block.end());
    std::ranges::stable_sort(worst, less_likely);
    worst.resize(std::min(worst.size(), static_cast<std::size_t>(command.top)));
  }
  for (const Scored& row : worst) out.write(line_of(model, row, rows->delimiter()));
  out.finish();
  require<FileError>(!scorer.all().empty(), "score: {}: it has no rows", command.data);
  summarise(model, scorer);
  return 0;
}

}  // namespace gradflow
