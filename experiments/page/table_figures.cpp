// The figures of the page of a table.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/page/table_page.h"

namespace gradflow {
namespace {

constexpr Index kShown = 3000, kMostColumns = 6;

Column column_of(const Tensor& rows, Index column, Index most) {
  Column values;
  const Index columns = rows.shape()[1];
  for (Index i = 0; i < std::min(rows.rows(), most); ++i)
    values.push_back(rows.data()[i * columns + column]);
  return values;
}

// Where nearly all values lie: from 0.5 to 99.5 %, and a tenth of that more on each side, but
// nothing beyond the values themselves.
Interval limits_of(Column values) {
  std::ranges::sort(values);
  const auto quantile = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  const double low = quantile(0.005), high = quantile(0.995), margin = 0.1 * (high - low);
  Interval limits{std::max(values.front() - 0.02 * (high - low), low - margin),
                  std::min(values.back() + 0.02 * (high - low), high + margin)};
  if (!(limits.low < limits.high)) limits = {low - 0.5, low + 0.5};
  return limits;
}

// The cell of each value's rank, of `cells` equally full ones.
std::vector<std::size_t> rank_cells(const Column& values, std::size_t cells) {
  std::vector<std::size_t> order(values.size()), cell(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i]; });
  for (std::size_t k = 0; k < order.size(); ++k) {
    const bool tie = k > 0 && values[order[k]] == values[order[k - 1]];
    cell[order[k]] = tie ? cell[order[k - 1]] : k * cells / order.size();
  }
  return cell;
}

// In nats: how much of one the other tells.
double mutual_information(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b,
                          std::size_t cells) {
  std::vector<double> joint(cells * cells, 0.0), of_a(cells, 0.0), of_b(cells, 0.0);
  const double share = 1 / static_cast<double>(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    joint[a[i] * cells + b[i]] += share;
    of_a[a[i]] += share;
    of_b[b[i]] += share;
  }
  double information = 0;
  for (std::size_t i = 0; i < cells; ++i)
    for (std::size_t j = 0; j < cells; ++j)
      if (const double p = joint[i * cells + j]; p > 0)
        information += p * std::log(p / (of_a[i] * of_b[j]));
  return information;
}

// The density of the two columns on a grid: exact, if there are no others.
HeatMap density_of(const TablePage& page, Index x, Index y, const Limits& over,
                   const Tensor& samples) {
  const bool exact = page.model.dim() == 2 && page.model.conditions.columns.empty() &&
                     page.model.architecture.kind != "flow-matching";
  const Index cells = exact ? 160 : 48;
  HeatMap map{over, static_cast<std::size_t>(cells),
              std::vector<double>(static_cast<std::size_t>(cells * cells), 0.0)};
  const double width = (over.x.high - over.x.low) / static_cast<double>(cells),
               height = (over.y.high - over.y.low) / static_cast<double>(cells);
  if (exact) {
    Tensor middles({cells * cells, 2});
    for (Index k = 0; k < cells * cells; ++k) {
      const Index column = k % cells, row = k / cells;
      const double at_x = over.x.low + (static_cast<double>(column) + 0.5) * width;
      const double at_y = over.y.low + (static_cast<double>(row) + 0.5) * height;
      middles.mutable_data()[2 * k + x] = static_cast<real>(at_x);
      middles.mutable_data()[2 * k + y] = static_cast<real>(at_y);
    }
    TableModel smooth = page.model;
    smooth.grid.assign(2, 0.0);
    const std::vector<double> log_p = log_prob(smooth, middles);
    std::ranges::transform(log_p, map.values.begin(), [](double v) { return std::exp(v); });
    return map;
  }
  const Column of_x = column_of(samples, x, samples.rows()),
               of_y = column_of(samples, y, samples.rows());
  for (std::size_t i = 0; i < of_x.size(); ++i) {
    const double column = std::floor((of_x[i] - over.x.low) / width);
    const double row = std::floor((of_y[i] - over.y.low) / height);
    const auto n = static_cast<double>(cells);
    if (column >= 0 && column < n && row >= 0 && row < n)
      map.values[static_cast<std::size_t>(row * n + column)] +=
          1 / (width * height * static_cast<double>(of_x.size()));
  }
  return map;
}

std::optional<LineFigure> losses_figure(const Facts& facts) {
  LineFigure figure{
      .name = "losses", .x_label = "epoch", .y_label = "negative log-likelihood, nats a row"};
  for (const auto& [kind, history] : facts.histories) {
    if (kind == "flow-matching") continue;  // its loss is of another kind
    const auto numbers = [&epochs = history.epochs](auto number) {
      std::vector<double> all;
      all.reserve(epochs.size());
      for (const Epoch& epoch : epochs) all.push_back(number(epoch));
      return all;
    };
    const auto epochs = numbers([](const Epoch& e) { return static_cast<double>(e.number); });
    figure.series.push_back({kind + ", training",
                             epochs,
                             numbers([](const Epoch& e) { return e.loss; }),
                             {},
                             Dash::dashed});
    figure.series.push_back({kind + ", validation", epochs, numbers([](const Epoch& e) {
                               return e.metrics.contains("validation") ? e.metrics.at("validation")
                                                                       : NAN;
                             })});
  }
  if (figure.series.empty()) return {};
  for (std::size_t i = 0; i < figure.series.size(); ++i) {
    constexpr std::array<Color, 3> kColors{0x0072B2, 0xD55E00, 0x009E73};
    figure.series[i].color = kColors[i / 2 % kColors.size()];
  }
  // An untrained flow may be far off: what matters is where the lines end.
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const auto& [kind, reached] : facts.on_validation)
    if (is_mixture(kind)) figure.references.push_back({kind, -reached.value});
  for (const ReferenceLine& line : figure.references) {
    low = std::min(low, line.y);
    high = std::max(high, line.y);
  }
  for (const Series& series : figure.series)
    for (std::size_t i = series.y.size() / 10; i < series.y.size(); ++i)
      if (std::isfinite(series.y[i])) {
        low = std::min(low, series.y[i]);
        high = std::max(high, series.y[i]);
      }
  const double margin = std::max(0.08 * (high - low), 1e-3);
  figure.y_range = Interval{low - margin, high + margin};
  return figure;
}

// Under the right model a row that it has not seen is as likely to be less likely than a sample of
// its own as the other way round: its rank among these is uniform.
std::optional<LineFigure> calibration_figure(const TablePage& page, const Tensor& samples) {
  if (page.held_out.size() == 0) return {};
  const Index most = page.model.architecture.kind == "flow-matching" ? 300 : 2000;
  const auto scored = [&](const Tensor& rows) {
    auto log_p = log_prob(page.model, rows.rows(0, std::min(rows.rows(), most)));
    std::ranges::sort(log_p);
    return log_p;
  };
  const std::vector<double> of_samples = scored(samples);
  std::vector<double> ranks;
  for (const double log_p : scored(page.held_out))
    ranks.push_back(
        static_cast<double>(std::ranges::lower_bound(of_samples, log_p) - of_samples.begin()) /
        static_cast<double>(of_samples.size()));
  std::vector<double> uniform(ranks.size());
  for (std::size_t i = 0; i < ranks.size(); ++i)
    uniform[i] = (static_cast<double>(i) + 0.5) / static_cast<double>(ranks.size());
  return LineFigure{
      .name = "calibration",
      .x_label = "rank among the model's own samples",
      .y_label = "share of the rows with at most that rank",
      .series = {{"if the model were right", {0, 1}, {0, 1}, colors::grey, Dash::dashed},
                 {"rows it has not seen", ranks, uniform, Color{0x0072B2}}},
      .y_range = Interval{0, 1}};
}

}  // namespace

std::vector<Index> most_telling(const Tensor& rows, Index columns) {
  constexpr std::size_t kCells = 12;
  std::vector<std::vector<std::size_t>> cells;
  for (Index c = 0; c < columns; ++c)
    cells.push_back(rank_cells(column_of(rows, c, kShown), kCells));
  std::vector<double> told(static_cast<std::size_t>(columns), 0.0);
  double most = -1;
  std::size_t first = 0, second = 0;
  for (std::size_t a = 0; a < cells.size(); ++a)
    for (std::size_t b = a + 1; b < cells.size(); ++b) {
      const double information = mutual_information(cells[a], cells[b], kCells);
      told[a] += information;
      told[b] += information;
      if (information <= most) continue;
      most = information;
      first = a;
      second = b;
    }
  std::vector<Index> order(cells.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](Index c) {
    const auto i = static_cast<std::size_t>(c);
    const bool of_the_two = columns > 1 && (i == first || i == second);
    return of_the_two ? std::numeric_limits<double>::infinity() : told[i];
  });
  return order;
}

TableFigures table_figures(const TablePage& page, const Rng& rng) {
  const TableModel& model = page.model;
  const Index D = model.dim(), G = std::ssize(model.conditions.columns);
  const bool with_data = page.rows.size() > 0;
  const Index count = D <= 8 ? 10'000 : kShown;
  // Under the conditions of the data, if there are such.
  Tensor given({count, 0});
  require<FileError>(G == 0 || with_data,
                     "report: a model with conditions needs DATA to take them from");
  if (G > 0) {
    std::vector<Index> taken(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) taken[static_cast<std::size_t>(i)] = i % page.rows.rows();
    given = kernel::gather(kernel::slice(page.rows, 1, D, D + G), taken);
  }
  Rng drawing = rng.fork(0);
  const Tensor samples = sample(model, given, drawing);
  const Tensor& known = with_data ? page.rows : samples;
  const std::vector<Index> order = most_telling(known, D);

  TableFigures figures;
  figures.corner.name = "corner";
  std::vector<Index> shown(order.begin(), order.begin() + std::min(D, kMostColumns));
  std::ranges::sort(shown);
  const Index points = std::ssize(shown) > 3 ? 1000 : kShown;  // many panels, small ones
  for (const Index c : shown) {
    figures.corner.columns.push_back(model.columns[static_cast<std::size_t>(c)]);
    figures.corner.limits.push_back(limits_of(column_of(known, c, 100'000)));
    if (with_data) figures.corner.data.push_back(column_of(page.rows, c, points));
    figures.corner.samples.push_back(column_of(samples, c, points));
  }
  if (D >= 2) {
    const Index x = std::min(order[0], order[1]), y = std::max(order[0], order[1]);
    const Column of_x = column_of(known, x, 10'000), of_y = column_of(known, y, 10'000);
    const Limits over{limits_of(of_x), limits_of(of_y)};
    PlaneFigure plane{"density",
                      model.columns[static_cast<std::size_t>(x)],
                      model.columns[static_cast<std::size_t>(y)],
                      {},
                      density_of(page, x, y, over, samples)};
    for (std::size_t i = 0; with_data && i < std::min<std::size_t>(of_x.size(), 5000); ++i)
      if (of_x[i] >= over.x.low && of_x[i] <= over.x.high && of_y[i] >= over.y.low &&
          of_y[i] <= over.y.high)
        plane.data.push_back({of_x[i], of_y[i]});
    figures.plane = std::move(plane);
  }
  figures.losses = losses_figure(model.facts);
  const Tensor all = G > 0 ? concat({samples, given}, 1).value() : samples;
  figures.calibration = calibration_figure(page, all);
  return figures;
}

}  // namespace gradflow
