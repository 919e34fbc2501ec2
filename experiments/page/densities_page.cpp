#include "experiments/page/densities_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/page/html.h"
#include "experiments/run/cells.h"

namespace gradflow {
namespace {

using Json = nlohmann::ordered_json;
using DensityRows = std::vector<DensityRow>;

constexpr std::string_view kGaps = R"html(
<p>A model’s loss is its <dfn>NLL</dfn>, the mean of −log q over points that it has not been trained
on, in nats. No model can get below the <dfn>floor</dfn>, the entropy of the data, which is known
here, since we made the data. What is left between the two is the <dfn>gap</dfn>, the
Kullback–Leibler divergence from the data to the model. It is measured as the mean of log p − log q
over fresh points, so that it is known much better than either of the two, to the standard error
beside it; the NLL in the tables is the floor plus this gap. A gap that were negative by more than
three standard errors would be a mistake of ours, and this program would end with an error.</p>
<p>The smallest gap of each set is bold. Sets marked <span class="kind">edges</span> have densities
that jump: a smooth map can follow a jump only by being steep, so there a gap remains, and what a
model puts beyond an edge is infinitely unlikely.</p>
)html";

constexpr std::string_view kDetails = R"html(
<p><b>Reverse</b> is the other divergence, from the model to the data: what the model makes up costs
there (∞: some of it lies where no data can be). <b>Mass</b> is the integral of the model’s density
over a grid somewhat larger than the data, <b>inside</b> the share of its samples there: the two
agree if density and sampler are those of one distribution. <b>Coverage</b> is the share of a hundred
cells, all equally full of data, that samples of the model fill to at least one half;
<b>precision</b> the share of its samples where the data is not rarer than its rarest thousandth.
Seconds are those of training, on one core. A kernel density keeps all its points, so these are
its parameters.</p>
)html";

double or_infinite(const Json& json, const char* key) {
  const Json& value = json.at(key);
  return value.is_null() ? std::numeric_limits<double>::infinity() : value.get<double>();
}

std::vector<std::string> in_order(const DensityRows& rows, std::string DensityRow::*name) {
  std::vector<std::string> names;
  for (const DensityRow& row : rows)
    if (std::ranges::find(names, row.*name) == names.end()) names.push_back(row.*name);
  return names;
}

DensityRows of_set(const DensityRows& rows, const std::string& set) {
  DensityRows result;
  std::ranges::copy_if(rows, std::back_inserter(result),
                       [&](const DensityRow& row) { return row.set == set; });
  return result;
}

double smallest_gap(const DensityRows& rows) {
  double smallest = std::numeric_limits<double>::infinity();
  for (const DensityRow& row : rows) smallest = std::min(smallest, row.measures.gap.value);
  return smallest;
}

std::string gap_cell(const DensityRow& row, double smallest) {
  const Estimate& gap = row.measures.gap;
  const std::string value = fixed(gap.value, 4);
  return fmt::format("{}<span class=\"kind\">± {}</span>",
                     gap.value == smallest ? strong(value) : value, fixed(gap.error, 4));
}

// Sets down, models across.
std::string gap_table(const DensityRows& rows) {
  const std::vector<std::string> models = in_order(rows, &DensityRow::model);
  Cells head{"Set", "Floor"};
  for (const std::string& model : models) head.push_back(escape(spoken(model)));
  std::vector<Cells> lines;
  for (const std::string& set : in_order(rows, &DensityRow::set)) {
    const DensityRows own = of_set(rows, set);
    const std::string mark = own.front().edges ? "<span class=\"kind\">edges</span>" : "";
    Cells cells{escape(spoken(set)) + mark, theirs(fixed(own.front().measures.floor, 4))};
    for (const std::string& model : models) {
      const auto row = std::ranges::find(own, model, &DensityRow::model);
      cells.push_back(row == own.end() ? "–" : gap_cell(*row, smallest_gap(own)));
    }
    lines.push_back(cells);
  }
  return "<div class=\"wide\">" +
         table("gaps", "Gap to the floor, in nats, and its standard error", head, lines) + "</div>";
}

std::string infinite_or(double value, int decimals) {
  return std::isinf(value) ? "∞" : fixed(value, decimals);
}

std::string set_table(const DensityRows& own) {
  std::vector<Cells> lines;
  for (const DensityRow& row : own) {
    const Measures& m = row.measures;
    lines.push_back(
        {escape(spoken(row.model)), strong(fixed(m.nll, 4)), gap_cell(row, smallest_gap(own)),
         infinite_or(m.reverse.value, 4), fixed(m.mass, 4), fixed(m.inside, 4), percent(m.coverage),
         percent(m.precision), fmt::format("{}", row.parameters), duration(row.seconds)});
  }
  const std::string& set = own.front().set;
  return "<div class=\"wide\">" +
         table("set-" + escape(set),
               fmt::format("<b>{}</b>: floor {}", escape(spoken(set)),
                           fixed(own.front().measures.floor, 4)),
               {"Model", "NLL", "Gap", "Reverse", "Mass", "Inside", "Coverage", "Precision",
                "Parameters", "Training"},
               lines) +
         "</div>";
}

std::string picture_section(const std::string& picture) {
  if (picture.empty()) return "";
  return section("picture", "All of them",
                 fmt::format("<div class=\"wide\"><figure><img alt=\"Densities: a row for each "
                             "set, a column for each model, the truth first\" "
                             "src=\"data:image/png;base64,{}\"><figcaption>A row for each set, its "
                             "exact density first, then what the models have made of it. Colours "
                             "are the same along a row.</figcaption></figure></div>",
                             base64(picture)));
}

}  // namespace

Json to_json(const DensityRow& row) {
  const Measures& m = row.measures;
  return {{"set", row.set},
          {"model", row.model},
          {"nll", m.nll},
          {"floor", m.floor},
          {"gap", m.gap.value},
          {"se", m.gap.error},
          {"mass", m.mass},
          {"parameters", row.parameters},
          {"seconds", row.seconds},
          {"seed", row.seed},
          {"samples_inside", m.inside},
          {"reverse_kl", m.reverse.value},
          {"reverse_kl_se", m.reverse.error},
          {"coverage", m.coverage},
          {"precision", m.precision},
          {"edges", row.edges}};
}

DensityRow row_from(const Json& json) {
  DensityRow row{.set = json.at("set"), .model = json.at("model")};
  row.measures = {.nll = or_infinite(json, "nll"),
                  .floor = json.at("floor"),
                  .gap = {or_infinite(json, "gap"), or_infinite(json, "se")},
                  .reverse = {or_infinite(json, "reverse_kl"), or_infinite(json, "reverse_kl_se")},
                  .mass = json.at("mass"),
                  .inside = json.at("samples_inside"),
                  .coverage = json.at("coverage"),
                  .precision = json.at("precision")};
  row.parameters = json.at("parameters");
  row.seconds = json.at("seconds");
  row.seed = json.at("seed");
  row.edges = json.at("edges");
  return row;
}

std::string densities_csv(const DensityRows& rows) {
  Json list = Json::array();
  for (const DensityRow& row : rows) list.push_back(to_json(row));
  return to_csv(list);
}

std::string densities_page(const DensityRows& rows, const std::string& picture,
                           const std::string& command) {
  std::string html =
      page_head("Densities and their floors",
                "Models that learn a density, on sets of points whose density is known") +
      "</header>\n<main>\n";
  html += section("gaps-section", "How close to the floor", std::string(kGaps) + gap_table(rows));
  html += picture_section(picture);
  std::string details(kDetails);
  for (const std::string& set : in_order(rows, &DensityRow::set))
    details += set_table(of_set(rows, set));
  html += section("details", "Set by set", details);
  html += section("again", "Make it again",
                  fmt::format("<p>This page, <code>densities.csv</code> and "
                              "<code>densities.json</code> were made by</p>\n<pre>{}</pre>\n",
                              escape(command)));
  return html + std::string(kPageEnd);
}

}  // namespace gradflow
