#include "experiments/page/table_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/page/html.h"
#include "experiments/run/files/file.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

std::string number(double x) {
  return std::isfinite(x) ? escape(fmt::format("{:.5g}", x)) : std::string("–");
}

std::string with_error(const Estimate& r) {
  return fmt::format("{}&nbsp;±&nbsp;{}", fixed(r.value, 4), fixed(r.error, 4));
}

std::string headline(const TableModel& model) {
  const Facts& facts = model.facts;
  const std::string& kind = model.architecture.kind;
  std::string text = fmt::format("{} rows, {} {}: ", facts.rows, model.dim(),
                                 model.dim() == 1 ? "column" : "columns");
  if (!facts.gain) return text + escape(kind);
  const Estimate& gain = *facts.gain;
  return text + fmt::format("the {} is {} ± {} nats a row {} than the best {} ({})", escape(kind),
                            fixed(std::abs(gain.value), 3), fixed(gain.error, 3),
                            gain.value >= 0 ? "better" : "worse",
                            is_mixture(kind) ? "flow" : "simple model", escape(facts.gain_over));
}

std::string models_section(const TableModel& model) {
  const Facts& facts = model.facts;
  std::vector<std::string> kinds;
  for (const auto& [kind, r] : facts.on_validation) kinds.push_back(kind);
  if (facts.on_test.contains("kde")) kinds.emplace_back("kde");
  std::ranges::sort(kinds, {}, [&](const std::string& kind) {
    const auto& of = facts.on_validation.contains(kind) ? facts.on_validation : facts.on_test;
    return -of.at(kind).value;
  });
  std::vector<Cells> rows;
  for (const std::string& kind : kinds) {
    const bool kept = kind == model.architecture.kind;
    const auto validation = facts.on_validation.find(kind), test = facts.on_test.find(kind);
    const bool tested = test != facts.on_test.end();
    const double bits =
        tested ? -test->second.value / static_cast<double>(model.dim()) / std::log(2.0) : NAN;
    rows.push_back({kept ? strong(kind + ", kept") : kind,
                    validation == facts.on_validation.end() ? "–" : with_error(validation->second),
                    tested ? with_error(test->second) : "–", fixed(bits, 4)});
  }
  const std::string note = fmt::format(
      "<p>The mean of log&nbsp;p, in nats a row and in the table’s own units: the larger the "
      "better. "
      "The best on {} validation rows is kept; {} test rows were looked at by nobody. A difference "
      "of less than twice the ± says nothing.</p>",
      facts.validation, facts.test);
  std::string warnings;
  for (const std::string& warning : facts.warnings)
    warnings += fmt::format("<p class=\"missing\">{}</p>", escape(warning));
  return section("models", "Is the flow worth it?",
                 note +
                     table("models-table", "What was fitted",
                           {"Model", "Validation", "Test", "Bits a dimension"}, rows) +
                     warnings);
}

// A value as it stands in the table: of a condition of words, the word.
std::string value_text(const TableModel& model, std::size_t column, double value) {
  const auto D = static_cast<std::size_t>(model.dim());
  if (column < D || model.conditions.columns[column - D].words.empty()) return number(value);
  return escape(model.conditions.columns[column - D].text_of(value));
}

std::string columns_section(const TablePage& page) {
  if (page.rows.size() == 0) return "";
  const std::vector<ColumnStatistics> statistics = statistics_of(page.rows);
  const std::vector<std::string> names = page.model.all_columns();
  const auto words = page.model.words();
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const ColumnStatistics& s = statistics[i];
    const bool given = std::ssize(page.model.columns) <= static_cast<Index>(i);
    Cells cells{escape(names[i]) + (given ? "<span class=\"kind\">given</span>" : "")};
    if (const auto classes = words.find(names[i]); classes != words.end())
      cells.insert(cells.end(), {fmt::format("{} classes", classes->second.size()), "–", "–", "–"});
    else
      cells.insert(cells.end(),
                   {number(s.low), number(s.mean), number(s.deviation), number(s.high)});
    rows.push_back(std::move(cells));
  }
  return section("columns", "The columns",
                 table("columns-table", fmt::format("Of {} rows", page.rows.rows()),
                       {"Column", "Least", "Mean", "Deviation", "Most"}, rows));
}

std::string outliers_section(const TablePage& page) {
  if (page.rows.size() == 0) return "";
  constexpr std::size_t kWorst = 10;
  const Index most = page.model.architecture.kind == "flow-matching" ? 300 : 100'000;
  const std::vector<double> log_p =
      log_prob(page.model, page.rows.rows(0, std::min(page.rows.rows(), most)));
  std::vector<std::size_t> order(log_p.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(kWorst, order.size()));
  std::ranges::partial_sort(order, end, {}, [&](std::size_t i) { return log_p[i]; });
  const std::vector<std::string> names = page.model.all_columns();
  const std::size_t shown = std::min<std::size_t>(names.size(), 12);
  Cells head{"log p", "Rank"};
  for (std::size_t c = 0; c < shown; ++c) head.push_back(escape(names[c]));
  std::vector<Cells> rows;
  const Index columns = page.rows.shape()[1];
  for (auto at = order.begin(); at != end; ++at) {
    Cells cells{fixed(log_p[*at], 3), percent(rank(page.model, log_p[*at]))};
    for (std::size_t c = 0; c < shown; ++c)
      cells.push_back(
          value_text(page.model, c,
                     page.rows.data()[static_cast<Index>(*at) * columns + static_cast<Index>(c)]));
    rows.push_back(std::move(cells));
  }
  return section(
      "outliers", "The least likely rows",
      "<div class=\"wide\">" +
          table("outliers-table",
                fmt::format(
                    "Of {} rows; the rank is the share of the training rows that are less likely",
                    log_p.size()),
                head, rows) +
          "</div>\n");
}

// Draws one figure and returns it as a piece of the page; or why it is not there.
template <class Figure>
std::string drawn(const Figure& figure, const fs::path& directory, std::string_view caption,
                  std::string_view alt) {
  try {
    draw(figure, {.directory = directory});
    const std::string picture = read_file(directory / (figure.name + ".png"));
    return fmt::format(
        "<figure id=\"{}\"><img src=\"data:image/png;base64,{}\" alt=\"{}\">\n"
        "<figcaption>{}</figcaption></figure>\n",
        figure.name, base64(picture), alt, caption);
  } catch (const std::exception& error) {
    return fmt::format(
        "<p class=\"missing\">The figure <code>{}</code> could not be drawn: {}</p>\n", figure.name,
        escape(error.what()));
  }
}

std::string figures_section(const TablePage& page, const fs::path& directory, const Rng& rng) {
  const TableFigures figures = table_figures(page, rng);
  const bool all = std::ssize(figures.corner.columns) == page.model.dim();
  std::string html =
      "<div class=\"wide\">" +
      drawn(figures.corner, directory,
            fmt::format("<b>Every column against every other.</b> Below the diagonal the data, "
                        "above it samples of "
                        "the model; on it how often each value occurs. They should look alike.{}",
                        all ? ""
                            : fmt::format(" Of {} columns, the {} that tell most of each other.",
                                          page.model.dim(), figures.corner.columns.size())),
            "Scatter plots of data and samples for each pair of columns") +
      "</div>\n";
  if (figures.plane)
    html +=
        "<div class=\"wide\">" +
        drawn(*figures.plane, directory,
              fmt::format(
                  "<b>The two columns that tell most of each other.</b> Left the data, right {}.",
                  page.model.dim() == 2 ? "the density that the model gives to each place"
                                        : "how dense the model’s samples are"),
              "Data and density along two columns") +
        "</div>\n";
  if (figures.losses)
    html += drawn(
        *figures.losses, directory,
        "<b>The training.</b> Solid lines: rows that were not trained on. Dashed: the training "
        "rows. What "
        "is kept is the lowest point of a solid line. To the right, what the simple models reach.",
        "Losses by epoch");
  if (figures.calibration)
    html += drawn(*figures.calibration, directory,
                  "<b>Are its probabilities right?</b> Each row that the model has not seen is "
                  "ranked by log p among "
                  "the model’s own samples. Above the dashed line: rows are less likely than the "
                  "model expects of "
                  "its own, so it is too sure of itself; below: it is too careful.",
                  "Ranks of rows against uniform ranks");
  return section("figures", "Data and samples", html);
}

std::string use_section(const TablePage& page) {
  const std::string made =
      page.command.empty()
          ? ""
          : fmt::format("<p>It was made by</p><pre><code>{}</code></pre>", escape(page.command));
  std::string given;
  for (const Condition& condition : page.model.conditions.columns)
    given += " --given " + escape(as_argument({condition.name + "=VALUE"}));
  return section(
      "use", "Use it",
      made +
          "<p>From the command line:</p><pre><code>gradflow score model.safetensors new.csv     # "
          "log p of each row\n"
          "gradflow sample model.safetensors -n 1000" +
          given +
          "    # new rows\n</code></pre>"
          "<p>In C++:</p><pre><code>const Flow flow = load_flow(\"model.safetensors\");\n"
          "flow.log_prob(points);</code></pre>" +
          fmt::format("<p class=\"note\">{} s in all; seed {}; weights <code>{}</code>.</p>\n",
                      fixed(page.model.facts.seconds, 1), page.model.facts.seed,
                      page.model.hash()));
}

}  // namespace

void write_table_page(const fs::path& path, const TablePage& page, const Rng& rng) {
  const DraftDirectory figures(path);
  const std::string name =
      page.model.facts.source == "-" ? "standard input" : page.model.facts.source;
  const std::string html = page_head("The density of " + escape(fs::path(name).filename().string()),
                                     headline(page.model)) +
                           "</header>\n<main>\n" + models_section(page.model) +
                           figures_section(page, figures.path(), rng) + columns_section(page) +
                           outliers_section(page) + use_section(page) + std::string(kPageEnd);
  write_file(path, html);
}

}  // namespace gradflow
