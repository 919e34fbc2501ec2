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

// 'column "a"', 'columns "a", "b"', 'columns "a", "b", "c" and 61 others': as many alike are told
// once.
std::string naming(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 8;
  const std::size_t shown = std::min(names.size(), kMost);
  std::string text = names.size() == 1 ? "column " : "columns ";
  for (std::size_t i = 0; i < shown; ++i)
    text += fmt::format("{}\"{}\"", i > 0 ? ", " : "", names[i]);
  if (names.size() > shown) text += fmt::format(" and {} others", names.size() - shown);
  return text;
}

void note_unknown(const RowReader& rows, const std::vector<std::string>& names, Faults& faults) {
  if (!names.empty())
    faults.add(fmt::format("no {}; it has: {:.300}", naming(names),
                           fmt::format("{}", fmt::join(rows.names(), ", "))));
}

// Those that are learned, in their order; then those that are to come last.
std::vector<std::string> columns_to_read(const RowReader& rows, const ReadOptions& options,
                                         Faults& faults) {
  const std::unordered_set<std::string> there(rows.names().begin(), rows.names().end()),
      last(options.last.begin(), options.last.end());
  std::vector<std::string> unknown, columns;
  for (const std::string& name : options.except) {
    if (!there.contains(name)) unknown.push_back(name);
    if (last.contains(name)) faults.add(fmt::format("column \"{}\" is left out and given", name));
  }
  note_unknown(rows, unknown, faults);
  std::unordered_set<std::string> without = last;
  without.insert(options.except.begin(), options.except.end());
  std::ranges::copy_if(options.columns.empty() ? rows.names() : options.columns,
                       std::back_inserter(columns),
                       [&](const std::string& name) { return !without.contains(name); });
  if (columns.empty()) faults.add("no columns are left");
  columns.insert(columns.end(), options.last.begin(), options.last.end());
  return columns;
}

bool is_usable(double x) { return std::abs(x) <= std::numeric_limits<real>::max(); }

void note_missing(const RowReader& rows, Index column, double x, Faults& faults) {
  constexpr auto kKind = Faults::Kind::missing;
  if (faults.again(kKind, column)) return;
  const std::string& name = rows.names()[static_cast<std::size_t>(column)];
  faults.add(kKind, column, name,
             fmt::format("{}, column \"{}\": it is {}", rows.place(), name,
                         std::isnan(x)   ? "missing"
                         : std::isinf(x) ? "infinite"
                                         : "too large"));
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

// Columns whose rows are evenly spaced: as they stand in the file, so it counts them.
void warn_of_counts(const Table& table, std::vector<std::string>& warnings) {
  const Index N = table.rows(), D = table.columns();
  std::vector<std::string> names;
  for (Index c = 0; c < D; ++c) {
    const auto at = [&](Index i) { return double{table.values.data()[i * D + c]}; };
    const double step = (at(N - 1) - at(0)) / static_cast<double>(N - 1);
    bool even = step != 0;
    for (Index i = 0; i < N && even; ++i)
      even = std::abs(at(i) - at(0) - static_cast<double>(i) * step) < 0.01 * std::abs(step);
    if (even) names.push_back(table.names[static_cast<std::size_t>(c)]);
  }
  if (!names.empty())
    warnings.push_back(
        fmt::format("{}: the same step from row to row, as the number of a row has; {}",
                    naming(names), leaving_out(names)));
}

// The correlations of the first so many columns (own, own), row by row: of 20 000 rows at most,
// from all parts of the table.
std::vector<double> correlations(const Table& table, Index own,
                                 const std::vector<ColumnStatistics>& statistics) {
  constexpr Index kMost = 20'000;
  const Index D = table.columns(), every = (table.rows() + kMost - 1) / kMost;
  std::vector<double> all(static_cast<std::size_t>(own * own)), z(static_cast<std::size_t>(own));
  for (Index i = 0; i < table.rows(); i += every)
    for (Index c = 0; c < own; ++c) {
      const ColumnStatistics& column = statistics[static_cast<std::size_t>(c)];
      const auto at = static_cast<std::size_t>(c);
      z[at] = (double{table.values.data()[i * D + c]} - column.mean) / column.deviation;
      for (std::size_t k = 0; k <= at; ++k)
        all[at * static_cast<std::size_t>(own) + k] += z[at] * z[k];
    }
  return all;
}

// Columns that the ones before them give, but for a millionth of their variance: less than which
// the models here do not tell from nothing. By Cholesky's R = L L^T: L_cc^2 is what is left of
// R_cc.
void warn_of_dependent(const Table& table, Index own,
                       const std::vector<ColumnStatistics>& statistics,
                       std::vector<std::string>& warnings) {
  constexpr double kNothing = 1e-6;
  if (own > 128) return;  // so as not to take long
  const auto D = static_cast<std::size_t>(own);
  std::vector<double> L = correlations(table, own, statistics);
  std::vector<std::string> names;
  for (std::size_t c = 0; c < D; ++c) {
    const double whole = L[c * D + c];
    for (std::size_t k = 0; k <= c; ++k) {
      for (std::size_t j = 0; j < k; ++j) L[c * D + k] -= L[c * D + j] * L[k * D + j];
      if (k < c) L[c * D + k] = L[k * D + k] > 0 ? L[c * D + k] / L[k * D + k] : 0;
    }
    const double left = L[c * D + c];
    const bool given = left < kNothing * whole;
    if (given) names.push_back(table.names[c]);
    L[c * D + c] = given ? 0 : std::sqrt(left);
  }
  if (!names.empty())
    warnings.push_back(fmt::format(
        "{}: given by the columns before, and a density may become as high as it likes; {}",
        naming(names), leaving_out(names)));
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
        naming(names), names.size() == 1 ? "" : "up to ", 100 * most, width,
        as_argument({names.front()})));
}

void note_constant(const std::string& name, double value, bool given, Faults& faults) {
  // So far from 0 that other digits may have been lost.
  const bool lost = std::abs(value) * std::numeric_limits<real>::epsilon() > 1e-3;
  faults.add(
      fmt::format("column \"{}\" is constant, {}; {}", name, value,
                  given ? "a condition must differ between rows" : "its density would be infinite"),
      lost ? fmt::format("leave it out, or, if it differs behind the digits of {} bytes, "
                         "subtract {} first",
                         sizeof(real), value)
           : "leave it out with --except " + as_argument({name}),
      name);
}

constexpr Index kLeastRows = 20;

// Sums, differences and quotients of numbers of `real` must tell them apart.
void note_sizes(const std::string& name, const ColumnStatistics& column, Faults& faults) {
  using Limits = std::numeric_limits<real>;
  constexpr double kMargin = 1e6;
  const double largest = std::max(std::abs(column.low), std::abs(column.high));
  if (!std::isfinite(largest)) return;  // all of it is missing
  if (largest > Limits::max() / kMargin || column.deviation < kMargin * Limits::min())
    faults.add(fmt::format("column \"{}\": numbers of a size of {:.1g} are too {} to reckon with",
                           name, largest, largest > 1 ? "large" : "small"),
               "other units", name);
  else if (column.deviation <= 100 * largest * Limits::epsilon())
    faults.add(fmt::format("column \"{}\" has a deviation of {:.3g} about {:.9g}, which numbers "
                           "of {} bytes do not resolve",
                           name, column.deviation, column.mean, sizeof(real)),
               fmt::format("subtract {:.9g}", column.mean));
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

// Where columns of these names are. Notes what is not there, there twice, or asked for twice, and
// takes it off the list.
std::vector<Index> find_columns(const RowReader& rows, std::vector<std::string>& names,
                                Faults& faults) {
  std::unordered_map<std::string_view, std::vector<Index>> places;  // there may be many
  for (std::size_t i = 0; i < rows.names().size(); ++i)
    places[rows.names()[i]].push_back(static_cast<Index>(i));
  std::vector<Index> found;
  std::vector<std::string> kept, unknown;
  std::unordered_set<std::string> asked_for;
  for (const std::string& name : names) {
    const auto at = places.find(name);
    const std::size_t count = at == places.end() ? 0 : at->second.size();
    const bool is_new = asked_for.insert(name).second;
    if (is_new && count == 0) unknown.push_back(name);
    if (is_new && count > 1)
      faults.add(fmt::format("{} columns are named \"{}\"", count, name),
                 faults.columns_may_go()
                     ? fmt::format("--except {} leaves them out", as_argument({name}))
                     : "",
                 name);
    if (!is_new && count == 1) faults.add(fmt::format("column \"{}\" is asked for twice", name));
    if (!is_new || count != 1) continue;
    found.push_back(at->second.front());
    kept.push_back(name);
  }
  note_unknown(rows, unknown, faults);
  names = std::move(kept);
  return found;
}

// By name; by place, if that is all there is to go by.
std::vector<Index> match_columns(const RowReader& rows, std::vector<std::string>& names,
                                 Faults& faults) {
  const std::unordered_set<std::string_view> there(rows.names().begin(), rows.names().end());
  const auto is_there = [&](const std::string& name) { return there.contains(name); };
  const bool comparable = rows.has_names() && !are_no_names(names);
  if (comparable || names.size() != rows.names().size() || std::ranges::all_of(names, is_there))
    return find_columns(rows, names, faults);
  std::vector<Index> all(names.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

void select_columns(RowReader& rows, std::vector<std::string>& names, const ReadOptions& options,
                    Faults& faults) {
  const std::vector<Index> places =
      options.by_place ? match_columns(rows, names, faults) : find_columns(rows, names, faults);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (const auto found = options.words.find(names[i]); found != options.words.end())
      rows.take_words(places[i], found->second);
  rows.select(places);
}

bool next_row(RowReader& rows, std::span<double> row, Missing missing, Index& dropped,
              Faults& faults) {
  while (rows.next(row)) {
    if (std::ranges::all_of(row, is_usable)) return true;
    const std::vector<bool> noted = rows.note_strangers(faults);
    const bool only_missing = std::ranges::find(noted, true) == noted.end();
    if (missing == Missing::drop && only_missing) {
      ++dropped;
      continue;
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      const Index column = rows.selected()[i];
      if (is_usable(row[i])) continue;
      if (missing == Missing::refuse && !noted[static_cast<std::size_t>(column)])
        note_missing(rows, column, row[i], faults);
      row[i] = kMissing;
    }
    return true;
  }
  faults.count_rows(rows.row());
  return false;
}

Table read_table(const std::string& path, const ReadOptions& options) {
  return read_table(open_source(path), options);
}

Table read_table(Source source, const ReadOptions& options) {
  Faults faults("read: " + source.name());
  Table table = read_table(std::move(source), options, faults);
  faults.refuse();
  return table;
}

Table read_table(Source source, const ReadOptions& options, Faults& faults) {
  const auto rows = read_rows(std::move(source), options.array);
  Table table{columns_to_read(*rows, options, faults), {}, 0, {}};
  select_columns(*rows, table.names, options, faults);
  if (table.names.empty()) return table;
  std::vector<double> row(table.names.size());
  Gathered gathered(table.columns());
  while (next_row(*rows, row, options.missing, table.dropped, faults)) gathered.add(row);
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
  constexpr double kFar = std::numeric_limits<double>::infinity();
  for (ColumnStatistics& column : columns) column = {0, 0, kFar, -kFar};
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
  Faults faults("table");
  std::vector<std::string> warnings = check_table(table, options, faults);
  faults.refuse();
  return warnings;
}

std::vector<std::string> check_table(const Table& table, const CheckOptions& options,
                                     Faults& faults) {
  const Index N = table.rows(), D = table.columns(), least = std::max(kLeastRows, 2 * D);
  if (N < least)
    faults.add(
        fmt::format("{} rows given; {} columns need at least {}{}", N, D, least,
                    table.dropped > 0 ? fmt::format(" ({} were dropped)", table.dropped) : ""),
        table.dropped > 0 ? "without --missing drop it tells which columns lack numbers"
        : N >= kLeastRows ? "--columns takes some of them alone"
                          : "");
  if (N < kLeastRows) return {};  // what is constant in three rows may be so by chance
  const std::vector<ColumnStatistics> statistics = statistics_of(table.values);
  std::vector<std::string> warnings;
  for (std::size_t c = 0; c < statistics.size(); ++c) {
    const bool given = static_cast<Index>(c) >= D - options.given;
    if (statistics[c].low != statistics[c].high)
      note_sizes(table.names[c], statistics[c], faults);
    else if (given || !options.constant_allowed)
      note_constant(table.names[c], statistics[c].low, given, faults);
  }
  if (!faults.empty()) return {};
  const Index own = D - options.given;
  warn_of_counts(table, warnings);
  if (!options.constant_allowed) warn_of_dependent(table, own, statistics, warnings);
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
