#include "experiments/table/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "tensor/random.h"

namespace gradflow {
namespace {

// Rows of unknown number, in pieces of growing size. They become one tensor at the end, and what
// has been copied is given back at once: so they are never in memory twice.
class Gathered {
 public:
  explicit Gathered(Index columns) : columns_(columns) {}

  void add(std::span<const double> row) {
    if (pieces_.empty() || pieces_.back().rows == pieces_.back().room) add_piece();
    Piece& piece = pieces_.back();
    real* const to = piece.values.get() + piece.rows++ * columns_;
    for (std::size_t i = 0; i < row.size(); ++i) to[i] = static_cast<real>(row[i]);
    ++rows_;
  }
  Tensor take() {
    Tensor all({rows_, columns_});
    real* to = all.mutable_data();
    for (; !pieces_.empty(); pieces_.pop_front())
      to = std::copy_n(pieces_.front().values.get(), pieces_.front().rows * columns_, to);
    return all;
  }

 private:
  struct Piece {
    std::unique_ptr<real[]> values;
    Index rows, room;
  };
  void add_piece() {
    const Index wanted = pieces_.empty() ? kLeast : 2 * pieces_.back().room * columns_;
    const Index room = std::max<Index>(1, std::min(wanted, kMost) / columns_);
    pieces_.push_back(
        {std::make_unique_for_overwrite<real[]>(static_cast<std::size_t>(room * columns_)), 0,
         room});
  }

  static constexpr Index kLeast = 1 << 12, kMost = 1 << 24;  // numbers in a piece
  Index columns_, rows_ = 0;
  std::deque<Piece> pieces_ = {};
};

std::vector<std::string> columns_to_read(const RowReader& rows, const ReadOptions& options) {
  std::vector<std::string> columns = options.columns;
  if (!options.by_place) find_columns(rows, columns);
  std::vector<bool> without(rows.names().size());
  for (const Index i : find_columns(rows, options.except))
    without[static_cast<std::size_t>(i)] = true;
  for (const Index i : find_columns(rows, options.last))
    without[static_cast<std::size_t>(i)] = true;
  for (std::size_t i = 0; i < rows.names().size() && options.columns.empty(); ++i)
    if (!without[i]) columns.push_back(rows.names()[i]);
  columns.insert(columns.end(), options.last.begin(), options.last.end());
  require<FileError>(!columns.empty(), "read: {}: no columns are left", rows.source());
  return columns;
}

// The first number that is missing, infinite or beyond `real`: its place in the row and what it is.
struct Unusable {
  std::size_t place;
  const char* what;
};
std::optional<Unusable> find_unusable(std::span<const double> row) {
  constexpr double kLargest = std::numeric_limits<real>::max();
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (std::abs(row[i]) <= kLargest) continue;
    return Unusable{i, std::isnan(row[i])   ? "it is missing"
                       : std::isinf(row[i]) ? "it is infinite"
                                            : "it is too large"};
  }
  return {};
}

// Sorted values of a column, of 100 000 rows at most: rows come in the order of a shuffle, or as
// they were measured, and either will do.
std::vector<real> sorted_column(const Tensor& values, Index column) {
  const Index rows = std::min<Index>(values.rows(), 100'000), columns = values.shape()[1];
  std::vector<real> sorted(static_cast<std::size_t>(rows));
  for (Index i = 0; i < rows; ++i)
    sorted[static_cast<std::size_t>(i)] = values.data()[i * columns + column];
  std::ranges::sort(sorted);
  return sorted;
}

// How often the most frequent value occurs.
Index most_repeated(const std::vector<real>& sorted) {
  Index most = 0, run = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    run = i > 0 && sorted[i] == sorted[i - 1] ? run + 1 : 1;
    most = std::max(most, run);
  }
  return most;
}

bool repeats(const std::vector<real>& sorted) {
  return most_repeated(sorted) > std::max<Index>(1, std::ssize(sorted) / 100);
}

double smallest_gap(const std::vector<real>& sorted) {
  double gap = 0;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const double here = double{sorted[i]} - double{sorted[i - 1]};
    if (here > 0 && (gap == 0 || here < gap)) gap = here;
  }
  return gap;
}

// 'column "a"', 'columns "a", "b"', 'columns "a", "b", "c" and 61 others': as many alike are one
// warning.
std::string naming(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 8;
  const std::size_t shown = std::min(names.size(), kMost);
  std::string text = names.size() == 1 ? "column " : "columns ";
  for (std::size_t i = 0; i < shown; ++i)
    text += fmt::format("{}\"{}\"", i > 0 ? ", " : "", names[i]);
  if (names.size() > shown) text += fmt::format(" and {} others", names.size() - shown);
  return text;
}

void warn_of_outliers(const Table& table, const std::vector<ColumnStatistics>& statistics,
                      std::vector<std::string>& warnings) {
  constexpr double kFar = 10;
  double farthest = 0;
  std::vector<std::string> names;
  for (std::size_t c = 0; c < statistics.size(); ++c) {
    const auto& [mean, deviation, low, high] = statistics[c];
    const double far = std::max(high - mean, mean - low) / deviation;
    if (deviation == 0 || far <= kFar) continue;
    farthest = std::max(farthest, far);
    names.push_back(table.names[c]);
  }
  if (!names.empty())
    warnings.push_back(fmt::format(
        "{}: {} {:.0f} deviations from the mean; a logarithm may help, or leaving out "
        "such rows",
        naming(names), names.size() == 1 ? "a value is" : "values are up to", farthest));
}

// Of the first so many columns, where they repeat values.
void warn_of_repeats(const Table& table, std::size_t columns, std::vector<std::string>& warnings) {
  double most = 0, width = 0;
  std::vector<std::string> names;
  for (std::size_t c = 0; c < columns; ++c) {
    const std::vector<real> sorted = sorted_column(table.values, static_cast<Index>(c));
    if (!repeats(sorted) || sorted.front() == sorted.back()) continue;
    const double share =
        static_cast<double>(most_repeated(sorted)) / static_cast<double>(sorted.size());
    if (share > most) most = share, width = smallest_gap(sorted);
    names.push_back(table.names[c]);
  }
  if (!names.empty())
    warnings.push_back(fmt::format(
        "{}: {}{:.1f} % of the values are the same number, and a density may become as high there "
        "as it likes; --dequantise adds noise of width {:.4g}; if it is a class, --given {}",
        naming(names), names.size() == 1 ? "" : "up to ", 100 * most, width, names.front()));
}

[[noreturn]] void refuse_constant(const std::string& name, double value, bool given) {
  // So far from 0 that other digits may have been lost.
  const bool lost = std::abs(value) * std::numeric_limits<real>::epsilon() > 1e-3;
  throw FileError(fmt::format(
      "table: column \"{}\" is constant, {}; {}; hint: leave it out{}", name, value,
      given ? "a condition must differ between rows" : "its density would be infinite",
      lost ? fmt::format(", or, if it differs behind the digits of {} bytes, subtract {} first",
                         sizeof(real), value)
           : fmt::format(" with --except {}", name)));
}

// Rows in another order, in place: row i of the result is row order[i]. Each cycle of the
// permutation is followed once round.
void permute_rows(real* values, Index columns, std::vector<Index> order) {
  std::vector<real> first(static_cast<std::size_t>(columns));
  const auto row = [&](Index i) { return values + i * columns; };
  const auto at = [&](Index i) -> Index& { return order[static_cast<std::size_t>(i)]; };
  for (Index start = 0; start < std::ssize(order); ++start) {
    std::copy_n(row(start), columns, first.data());
    Index to = start;
    while (at(to) != start) {
      std::copy_n(row(at(to)), columns, row(to));
      to = std::exchange(at(to), to);  // a place that is done points to itself
    }
    std::copy_n(first.data(), columns, row(to));
    at(to) = to;
  }
}

// x1, x2, ...: what columns are called that have no names.
bool are_no_names(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] != fmt::format("x{}", i + 1)) return false;
  return true;
}

// By name; by place, if that is all there is to go by.
std::vector<Index> match_columns(const RowReader& rows, const std::vector<std::string>& names) {
  const std::unordered_set<std::string_view> there(rows.names().begin(), rows.names().end());
  const auto is_there = [&](const std::string& name) { return there.contains(name); };
  const bool comparable = rows.has_names() && !are_no_names(names);
  if (comparable || names.size() != rows.names().size() || std::ranges::all_of(names, is_there))
    return find_columns(rows, names);
  std::vector<Index> all(names.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

std::vector<Index> find_columns(const RowReader& rows, const std::vector<std::string>& names) {
  std::unordered_map<std::string_view, std::size_t> places;  // of the columns: there may be many
  for (std::size_t i = 0; i < rows.names().size(); ++i) places.emplace(rows.names()[i], i);
  std::vector<bool> asked_for(rows.names().size());
  std::vector<Index> found;
  for (const std::string& name : names) {
    const auto at = places.find(name);
    if (at == places.end())
      throw FileError(fmt::format("read: {}: no column \"{}\"; it has: {:.300}", rows.source(),
                                  name, fmt::format("{}", fmt::join(rows.names(), ", "))));
    require<FileError>(!asked_for[at->second], "read: {}: column \"{}\" is asked for twice",
                       rows.source(), name);
    asked_for[at->second] = true;
    found.push_back(static_cast<Index>(at->second));
  }
  return found;
}

void select_columns(RowReader& rows, const std::vector<std::string>& names,
                    const std::map<std::string, std::vector<std::string>>& words) {
  const std::vector<Index> places = match_columns(rows, names);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (const auto found = words.find(names[i]); found != words.end())
      rows.take_words(places[i], found->second);
  rows.select(places);
}

bool next_whole_row(RowReader& rows, std::span<double> row, Missing missing, Index& dropped) {
  while (rows.next(row)) {
    const std::optional<Unusable> unusable = find_unusable(row);
    if (!unusable) return true;
    const auto column = static_cast<std::size_t>(rows.selected()[unusable->place]);
    require<FileError>(missing == Missing::drop,
                       "read: {}: {}, column \"{}\": {}; hint: --missing drop leaves such rows out",
                       rows.source(), rows.place(), rows.names()[column], unusable->what);
    ++dropped;
  }
  return false;
}

Table read_table(const std::string& path, const ReadOptions& options) {
  return read_table(open_source(path), options);
}

Table read_table(Source source, const ReadOptions& options) {
  const auto rows = read_rows(std::move(source), options.array);
  Table table{columns_to_read(*rows, options), {}, 0, {}};
  select_columns(*rows, table.names, options.words);
  std::vector<double> row(table.names.size());
  Gathered gathered(table.columns());
  while (next_whole_row(*rows, row, options.missing, table.dropped)) gathered.add(row);
  table.values = gathered.take();
  for (std::size_t i = 0; i < table.names.size(); ++i)
    if (auto words = rows->words(rows->selected()[i]); !words.empty())
      table.words[table.names[i]] = std::move(words);
  return table;
}

// Two passes: the mean first, so that a large mean costs no digits of the deviation.
std::vector<ColumnStatistics> statistics_of(const Tensor& values) {
  const Index N = values.rows(), D = values.shape()[1];
  require(N >= 1, "statistics_of: {} given; at least one row", values.shape());
  std::vector<ColumnStatistics> columns(static_cast<std::size_t>(D));
  const real* x = values.data();
  for (Index c = 0; c < D; ++c) columns[static_cast<std::size_t>(c)] = {0, 0, x[c], x[c]};
  for (Index i = 0; i < N; ++i)
    for (ColumnStatistics& column : columns) {
      const double value = *x++;
      column.mean += value;
      column.low = std::min(column.low, value);
      column.high = std::max(column.high, value);
    }
  for (ColumnStatistics& column : columns) column.mean /= static_cast<double>(N);
  x = values.data();
  for (Index i = 0; i < N; ++i)
    for (ColumnStatistics& column : columns) {
      const double away = *x++ - column.mean;
      column.deviation += away * away;
    }
  for (ColumnStatistics& column : columns)
    column.deviation = std::sqrt(column.deviation / static_cast<double>(N));
  return columns;
}

std::vector<std::string> check_table(const Table& table, const CheckOptions& options) {
  const Index N = table.rows(), D = table.columns(), least = std::max<Index>(20, 2 * D);
  require<FileError>(N >= least, "table: {} rows given; {} columns need at least {}{}", N, D, least,
                     table.dropped > 0 ? fmt::format(" ({} were dropped)", table.dropped) : "");
  const std::vector<ColumnStatistics> statistics = statistics_of(table.values);
  std::vector<std::string> warnings;
  for (std::size_t c = 0; c < statistics.size(); ++c) {
    const ColumnStatistics& column = statistics[c];
    const std::string& name = table.names[c];
    const bool constant = column.low == column.high;
    const bool given = static_cast<Index>(c) >= D - options.given;
    if (constant && (given || !options.constant_allowed)) refuse_constant(name, column.low, given);
    const double resolution = std::max(std::abs(column.low), std::abs(column.high)) *
                              std::numeric_limits<real>::epsilon();
    require<FileError>(constant || column.deviation > 100 * resolution,
                       "table: column \"{}\" has a deviation of {:.3g} about {:.9g}, which numbers "
                       "of {} bytes do not resolve; hint: subtract {:.9g}",
                       name, column.deviation, column.mean, sizeof(real), column.mean);
  }
  const Index own = D - options.given;
  if (!options.constant_allowed) warn_of_repeats(table, static_cast<std::size_t>(own), warnings);
  warn_of_outliers(table, {statistics.begin(), statistics.begin() + own}, warnings);
  if (N < 20 * D)
    warnings.push_back(fmt::format(
        "{} rows for {} columns: few; do not expect much more than of a Gaussian", N, D));
  return warnings;
}

std::vector<double> grid_of(const Table& table) {
  std::vector<double> grid;
  std::vector<std::size_t> constant;
  double smallest = 0;
  for (Index c = 0; c < table.columns(); ++c) {
    const std::vector<real> sorted = sorted_column(table.values, c);
    const bool is_constant = sorted.empty() || sorted.front() == sorted.back();
    const double gap = !is_constant && repeats(sorted) ? smallest_gap(sorted) : 0;
    if (is_constant) constant.push_back(grid.size());
    if (gap > 0 && (smallest == 0 || gap < smallest)) smallest = gap;
    grid.push_back(gap);
  }
  for (const std::size_t c : constant) grid[c] = smallest > 0 ? smallest : 1;
  return grid;
}

Split split(Table table, const SplitOptions& options) {
  const Index N = table.rows();
  const auto share = [&](double of) { return static_cast<Index>(std::llround(of * double(N))); };
  const bool sensible =
      options.validation > 0 && options.test >= 0 && options.validation + options.test < 1;
  require<FileError>(sensible, "split: shares of {} and {} given; above 0, and below 1 together",
                     options.validation, options.test);
  const Index validation = share(options.validation), test = share(options.test),
              training = N - validation - test;
  require<FileError>(validation >= 1 && training >= 2, "split: {} rows given, too few to split", N);
  Tensor values = std::move(table.values);
  permute_rows(values.mutable_data(), table.columns(), Rng(options.seed).fork(0).permutation(N));
  return {std::move(table.names), values.rows(0, training),
          values.rows(training, training + validation), values.rows(training + validation, N),
          std::move(table.words)};
}

}  // namespace gradflow
