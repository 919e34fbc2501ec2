// The report page, from top to bottom: letters and numbers, the pieces a page is made of, its
// style, its sections, and the comparison that it ends with.
//
// The idea: every function returns a piece of HTML as a string, and the page is their
// concatenation. What comes from outside passes through escape(); everything else is written here.
// The numbers that a run is measured against stand in the namespace `reference`.
//
// Read next: report_page() at the end, then the sections above it.
#include "experiments/report_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string_view>

namespace gradflow {
namespace {

// ------------------------------------------------------------------------------ known beforehand

namespace reference {

// Computed from the exact density of the data: no model does better in the long run.
constexpr double nf_floor = 1.5614;
constexpr double fm_floor = 1.4856;
constexpr double cfm_floor = 0.8777;
constexpr double fm_linear = 1.5708;  // of the best velocity field that is linear in y

// What the report's author measured.
constexpr double nf_loss = 1.958;
constexpr double fm_loss = 1.497;
constexpr double cfm_loss = 0.881;
constexpr double nf_on_ring = 0.78;
constexpr double nf_near_ring = 0.88;
constexpr double fm_round_trip = 2.8e-3;  // at dt = 1/1000

struct Density {
  double log_prob;
  double log_prior;
};
constexpr std::array<Density, 5> points{
    {{-1.717, -2.436}, {-1.811, -3.034}, {-1.784, -2.035}, {-19.98, -21.34}, {-13.41, -15.35}}};

constexpr std::array<EulerResult, 9> euler{{{.001, .774, 1.00},
                                            {.002, .784, kAbsent},
                                            {.02, .775, .98},
                                            {.05, .761, .96},
                                            {.1, .729, .91},
                                            {.2, .649, .81},
                                            {1. / 3, .492, .67},
                                            {.5, .486, .53},
                                            {1, 0, .04}}};

struct Ring {
  const char* colour;
  const char* hex;
  double own_ring;
};
constexpr std::array<Ring, 5> rings{{{"blue", "#0077c0", .912},
                                     {"black", "#1a1a1a", .927},
                                     {"red", "#dc2743", .903},
                                     {"yellow", "#e0a100", .946},
                                     {"green", "#00934a", .926}}};

constexpr std::size_t epochs = 20;

}  // namespace reference

constexpr std::string_view kMakeAll = "experiments/reproduce.sh";
constexpr std::size_t kInliers = 3;  // y1..y3 lie on the rings, y4 and y5 do not

// The figures, in the order of the page. `id` is the number, and the anchor of a link.
struct FigureText {
  std::string_view id;
  std::string_view stem;
  std::string_view name;
  std::string_view caption;
  std::string_view alt;
};

constexpr std::array kFigures{
    FigureText{"1", "fig01_nf_validation_loss", "Figure 1",
               "Normalizing flow: the validation loss over the epochs, and the two parts that add "
               "up to it, −log det and −log p<sub>z</sub>.",
               "Line plot of three losses over the epochs: the total, minus log det, minus log "
               "prior."},
    FigureText{"2", "fig02_nf_samples", "Figure 2",
               "Normalizing flow: 1000 samples for each of three seeds.",
               "Three scatter plots of generated points in the shape of the five rings."},
    FigureText{"3", "fig03_nf_layers", "Figure 3",
               "Normalizing flow: 1000 noise points on their way through the layers – the prior, "
               "then after every fifth of them.",
               "Six scatter plots, from a round cloud of noise to the rings, layer by layer."},
    FigureText{"4", "fig04_nf_trajectories", "Figure 4",
               "Normalizing flow: ten noise points, layer by layer; marks dark for noise, yellow "
               "for data.",
               "Ten broken paths through the plane that end on the rings."},
    FigureText{"5", "fig05_nf_inverse_trajectories", "Figure 5",
               "Normalizing flow: the five points taken back to their latents, layer by layer.",
               "Five broken paths from the given points back into the latent space."},
    FigureText{"6", "fig06_fm_loss", "Figure 6", "Flow matching: the training loss, epoch means.",
               "Line plot of the training loss over the epochs, with its floor."},
    FigureText{"7", "fig07_fm_samples_over_time", "Figure 7",
               "Flow matching: 1000 samples at t = 0, 0.2, 0.4, 0.6, 0.8 and 1, from the same "
               "noise.",
               "Six scatter plots, from a round cloud of noise to the rings, over time."},
    FigureText{"8", "fig08_fm_trajectories", "Figure 8",
               "Flow matching: ten samples over time; marks dark for t&nbsp;=&nbsp;0, yellow for "
               "t&nbsp;=&nbsp;1.",
               "Ten smooth paths through the plane that end on the rings."},
    FigureText{"9", "fig09_fm_step_size", "Figure 9",
               "Flow matching: the same 1000 noise points with steps of 0.002, 0.02, 0.05, 0.1, "
               "0.2 and 1/3, left rule.",
               "Six scatter plots; the larger the step, the less is left of the rings."},
    FigureText{"9-right", "extra_fm_step_size_right_end", "Figure 9, the other rule",
               "The same steps and the same noise, with the velocity of each step taken at its "
               "right end.",
               "Six scatter plots of the same steps with the right rule."},
    FigureText{"10a", "fig10a_fm_inverse_trajectories", "Figure 10 a",
               "Flow matching: the five points taken back to t = 0.",
               "Five smooth paths from the given points back into the latent space."},
    FigureText{"10b", "fig10b_fm_round_trip", "Figure 10 b",
               "Forward again, from where the points of 10 a ended.",
               "Five smooth paths from the latents forward to the given points."},
    FigureText{"bonus", "extra_fm_bonus_point", "Bonus figure",
               "Flow matching made to output the point (4, 5): back to its latent, then forward "
               "again.",
               "A path from the point (4, 5) back to the latent space, and one forward again."},
    FigureText{"11", "fig11_cfm_data", "Figure 11",
               "Conditional flow matching: 3000 points of the training set, each in the colour of "
               "its ring.",
               "Scatter plot of the five rings, each in its own colour."},
    FigureText{"12", "fig12_cfm_trajectories", "Figure 12",
               "Conditional flow matching: one path a ring, its line in the ring’s colour, its "
               "marks coloured by time, the data faint behind.",
               "Five paths, each ending on the ring of its colour."},
    FigureText{"13", "fig13_cfm_samples_over_time", "Figure 13",
               "Conditional flow matching: 3000 samples, 600 a ring, at t = 0, 0.2, 0.4, 0.6, 0.8 "
               "and 1.",
               "Six scatter plots of coloured points, from one mixed cloud to five rings."},
};

const FigureText& figure_text(std::string_view id) {
  const auto found = std::ranges::find(kFigures, id, &FigureText::id);
  if (found == kFigures.end()) throw std::logic_error(fmt::format("no figure {}", id));
  return *found;
}

// ---------------------------------------------------------------------------- letters and numbers

std::string escape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string text_or_dash(std::string_view text) { return text.empty() ? "–" : escape(text); }

// Three bytes become four letters; what is missing of the last three is marked by '='.
std::string base64(std::string_view bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      result += k <= group.size() ? letters[bits >> (18 - 6 * k) & 63] : '=';
    }
  }
  return result;
}

// A hyphen is too short for a minus.
std::string with_minus(std::string digits) {
  if (digits.starts_with('-')) digits.replace(0, 1, "−");
  return digits;
}

std::string scientific(double x) {
  if (!std::isfinite(x)) return "–";
  if (x == 0) return "0";
  const std::string digits = fmt::format("{:.1e}", x);
  const std::size_t e = digits.find('e');
  return fmt::format("{}&nbsp;×&nbsp;10<sup>{}</sup>", with_minus(digits.substr(0, e)),
                     with_minus(std::to_string(std::stoi(digits.substr(e + 1)))));
}

std::string fixed(double x, int decimals) {
  if (!std::isfinite(x)) return "–";
  if (std::abs(x) >= 1e5) return scientific(x);
  return with_minus(fmt::format("{:.{}f}", x, decimals));
}

std::string with_sign(double x, int decimals) { return (x > 0 ? "+" : "") + fixed(x, decimals); }

std::string percent(double share) {
  return std::isfinite(share) ? fixed(100 * share, 1) + "&nbsp;%" : "–";
}

// 39080 as "39 080".
std::string count(double x) {
  std::string digits = std::isfinite(x) ? fmt::format("{:.0f}", x) : "–";
  if (!std::isfinite(x)) return digits;
  for (std::size_t end = digits.size(); end > 3;) {
    end -= 3;
    digits.insert(end, "&#8239;");
  }
  return digits;
}

std::string duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e7)) return "–";
  if (seconds < 10) return fmt::format("{:.1f}&nbsp;s", seconds);
  const long s = std::lround(seconds);
  if (s < 120) return fmt::format("{}&nbsp;s", s);
  if (s < 7200) return fmt::format("{}&nbsp;min {:02}&nbsp;s", s / 60, s % 60);
  return fmt::format("{}&nbsp;h {:02}&nbsp;min", s / 3600, s % 3600 / 60);
}

bool same_step(double a, double b) { return std::abs(a - b) < 1e-3 * b; }

std::string step(double dt) {
  if (!std::isfinite(dt)) return "–";
  return same_step(dt, 1. / 3) ? "1/3" : fmt::format("{:g}", dt);
}

std::string vector_text(const std::array<double, 2>& v) {
  return fmt::format("({}, {})", fixed(v[0], 2), fixed(v[1], 2));
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  return fmt::format("{}", fmt::join(items, separator));
}

// ------------------------------------------------------------------------------------ arithmetic

double first(const std::vector<double>& values) {
  return values.empty() ? kAbsent : values.front();
}
double last(const std::vector<double>& values) { return values.empty() ? kAbsent : values.back(); }

// NaN if there are none, or if one of them is.
double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double norm(const std::array<double, 2>& v) { return std::hypot(v[0], v[1]); }

double mean_own_ring(const ConditionalRun& run) {
  std::vector<double> shares;
  for (const auto& [colour, share] : run.own_ring) shares.push_back(share);
  return mean(shares);
}

// A number of every point, e.g. its round-trip error.
std::vector<double> of_points(std::span<const LatentPoint> points, double LatentPoint::*member) {
  std::vector<double> values;
  for (const LatentPoint& point : points) values.push_back(point.*member);
  return values;
}

// The part of 1..5 that lies on the rings, and the part that does not.
struct Split {
  std::vector<double> inliers;
  std::vector<double> outliers;
};

Split split(const std::vector<LatentPoint>& points,
            const std::function<double(const LatentPoint&)>& value) {
  Split result;
  for (std::size_t i = 0; i < points.size(); ++i) {
    (i < kInliers ? result.inliers : result.outliers).push_back(value(points[i]));
  }
  return result;
}

bool all_finite(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

// NaN, as mean() is, if there are none or if one of them is NaN.
double largest(const std::vector<double>& values) {
  return values.empty() || !all_finite(values) ? kAbsent : std::ranges::max(values);
}

double smallest(const std::vector<double>& values) {
  return values.empty() || !all_finite(values) ? kAbsent : std::ranges::min(values);
}

EulerResult at_step(std::span<const EulerResult> results, double dt) {
  const auto found = std::ranges::find_if(
      results, [dt](const EulerResult& result) { return same_step(result.dt, dt); });
  return found == results.end() ? EulerResult{} : *found;
}

EulerResult finest(const std::vector<EulerResult>& results) {
  const auto found = std::ranges::min_element(results, {}, &EulerResult::dt);
  return found == results.end() ? EulerResult{} : *found;
}

EulerResult coarsest(const std::vector<EulerResult>& results) {
  const auto found = std::ranges::max_element(results, {}, &EulerResult::dt);
  return found == results.end() ? EulerResult{} : *found;
}

double fm_on_ring(const FlowMatchingRun& run) { return finest(run.euler).on_ring; }

// ------------------------------------------------------------------------- the pieces of a page

std::string paragraph(std::string_view text) { return fmt::format("<p>{}</p>\n", text); }

std::string link(std::string_view id) {
  return fmt::format("<a href=\"#figure-{}\">{}</a>", id, figure_text(id).name);
}

struct Table {
  std::string id;
  std::string caption;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;  // the first cell names the row
};

std::string row(const std::vector<std::string>& cells) {
  std::string html = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    html += i == 0 ? fmt::format("<th scope=\"row\">{}</th>", cells[i])
                   : fmt::format("<td>{}</td>", cells[i]);
  }
  return html + "</tr>\n";
}

// A table wider than the screen scrolls in a box of its own, reachable by keyboard; its caption,
// which should not scroll away with it, is the one of a figure around it.
std::string table(const Table& t) {
  std::string html = fmt::format(
      "<figure class=\"table\">\n<figcaption id=\"{0}\">{1}</figcaption>\n"
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{0}\">\n"
      "<table aria-labelledby=\"{0}\">\n<thead><tr>",
      t.id, t.caption);
  for (const std::string& cell : t.head) html += fmt::format("<th scope=\"col\">{}</th>", cell);
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& cells : t.rows) html += row(cells);
  return html + "</tbody>\n</table>\n</div>\n</figure>\n";
}

std::string strong(std::string_view html) { return fmt::format("<b>{}</b>", html); }

// A number that is not this run's own.
std::string theirs(std::string_view html) {
  return fmt::format("<span class=\"ref\">{}</span>", html);
}

std::string swatch(const reference::Ring& ring) {
  return fmt::format("<span class=\"swatch\" style=\"background:{}\"></span>{}", ring.hex,
                     ring.colour);
}

std::string image(const FigureText& text, const Pictures& pictures) {
  const auto found = pictures.find(std::string(text.stem));
  if (found == pictures.end()) {
    return fmt::format(
        "<p class=\"missing\">This figure is missing: there is no readable "
        "<code>{}.png</code>. <code>{}</code> makes it.</p>\n",
        text.stem, kMakeAll);
  }
  const Picture& picture = found->second;
  return fmt::format(
      "<img src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" alt=\"{}\">\n",
      base64(picture.png), picture.width, picture.height, escape(text.alt));
}

// A figure and, below its caption, what it shows in this run's numbers (may be empty).
std::string figure(std::string_view id, const Pictures& pictures, std::string_view reading = "") {
  const FigureText& text = figure_text(id);
  const std::string below = reading.empty() ? "" : paragraph(reading);
  return fmt::format(
      "<figure id=\"figure-{}\">\n{}<figcaption><b>{}.</b> {}</figcaption>\n{}</figure>\n", id,
      image(text, pictures), text.name, text.caption, below);
}

// The same picture a second time, to stand beside another.
std::string figure_again(std::string_view id, const Pictures& pictures) {
  const FigureText& text = figure_text(id);
  return fmt::format(
      "<figure>\n{}<figcaption><b>{} again</b>, to compare. {}</figcaption>\n</figure>\n",
      image(text, pictures), link(id), text.caption);
}

std::string side_by_side(std::string_view left, std::string_view right) {
  return fmt::format("<div class=\"pair\">\n{}{}</div>\n", left, right);
}

std::string section(std::string_view id, std::string_view title, std::string_view content) {
  return fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n"
      "{2}</section>\n\n",
      id, title, content);
}

// Seed, cost, weights and options of one run, in small print.
std::string run_note(const Run& run) {
  std::vector<std::string> facts{
      fmt::format("{} parameters", count(run.parameters)),
      fmt::format("{} {}", run.loss.size(), run.loss.size() == 1 ? "epoch" : "epochs"),
      fmt::format("trained in {}", duration(run.train_seconds)),
  };
  if (std::isfinite(run.steps_per_second)) {
    facts.push_back(fmt::format("{} steps a second", count(run.steps_per_second)));
  }
  facts.push_back(fmt::format("seed {}", text_or_dash(run.seed)));
  facts.push_back(fmt::format("weights <code>{}</code>", text_or_dash(run.weights_hash)));
  std::string html = fmt::format("<p class=\"note\"><b>This run.</b> {}.", join(facts, ", "));
  if (!run.options.empty()) {
    std::vector<std::string> options;
    for (const auto& [name, setting] : run.options) {
      options.push_back(fmt::format("<code>{} {}</code>", escape(name), text_or_dash(setting)));
    }
    html += fmt::format(" Options: {}.", join(options, ", "));
  }
  if (run.loss.size() != reference::epochs) {
    html += fmt::format(
        " The reference numbers belong to {} epochs; this run has another number of them, so only "
        "the shape of things can be compared.",
        reference::epochs);
  }
  return html + "</p>\n";
}

std::string no_run(std::string_view model) {
  return fmt::format(
      "<p class=\"missing\">There is no run of {} in <code>report.json</code>, so its numbers are "
      "left out. <code>{}</code> trains it.</p>\n",
      model, kMakeAll);
}

// ------------------------------------------------------------------- wording chosen by the numbers

// "0.042 below", "0.100 above" or "level with"; smaller differences than `noise` are no difference.
std::string beside(double x, double other, double noise, int decimals) {
  if (std::abs(x - other) <= noise) return "level with";
  return fmt::format("{} {}", fixed(std::abs(x - other), decimals), x < other ? "below" : "above");
}

// Where a final loss stands between the author’s and the floor.
std::string standing(const std::vector<double>& losses, double author, double floor, double noise) {
  const double loss = last(losses);
  if (losses.empty()) return "";
  if (!std::isfinite(loss)) return "The last loss is not a number: the training did not end well.";
  std::string text = fmt::format(
      "The author’s run ended at {:.3f} and the floor is {:.4f}; this one, at {}, is {} the former "
      "and {} the latter",
      author, floor, fixed(loss, 3), beside(loss, author, noise, 3), beside(loss, floor, noise, 3));
  if (loss < floor - noise) text += ", which no model should be: that is worth a look";
  return text + ".";
}

// One number for a loss curve that has only one epoch, two for all others.
std::string fall(const std::vector<double>& loss, std::string_view unit) {
  if (loss.empty()) return "No losses were recorded.";
  if (loss.size() == 1) {
    return fmt::format("After its only epoch the loss is {}{}.", fixed(loss[0], 3), unit);
  }
  return fmt::format("Over {} epochs the loss goes from {} to {}{}.", loss.size(),
                     fixed(first(loss), 3), fixed(last(loss), 3), unit);
}

// Which of the two parts of the likelihood the progress came from.
std::string which_part(double det_gain, double prior_gain) {
  const double progress = det_gain + prior_gain;
  if (!(progress > 0)) return "the loss did not improve";
  if (prior_gain <= 0.05 * progress) return "nearly all of the progress is in the volume term";
  if (det_gain <= 0.05 * progress) return "nearly all of the progress is in the prior";
  return det_gain > prior_gain ? "most of the progress is in the volume term"
                               : "most of the progress is in the prior";
}

std::string progress_text(const NormalizingFlowRun& run) {
  const double det_gain = last(run.log_det) - first(run.log_det);
  const double prior_gain = last(run.log_prior) - first(run.log_prior);
  if (run.loss.size() < 2 || !std::isfinite(det_gain + prior_gain)) return "";
  return fmt::format(
      " Of the fall, log det accounts for {} and log p<sub>z</sub> for {}: {}. (In the author’s "
      "run −log p<sub>z</sub> stayed between 2.77 and 2.89, and log det did the work.)",
      with_sign(det_gain, 3), with_sign(prior_gain, 3), which_part(det_gain, prior_gain));
}

// -------------------------------------------------------------------------- the top of the page

constexpr std::string_view kIntroduction = R"html(
<p>The data are points of the plane, spread evenly over the five interlaced rings of
the Olympic flag. A point is <dfn>on a ring</dfn> if its distance from that ring’s centre is between
0.875 and 1.125; the box they are drawn from, −1 to 5 by −2 to 1, is a little smaller than the rings
and cuts their outer edges flat. Before training, each axis is shifted to mean 0 and scaled to
standard deviation 1, which is why the circles look like ellipses. Three models learn to turn noise,
points of a standard normal distribution, into such points: a <a href="#nf">normalizing flow</a>
passes them through fifteen invertible layers, <a href="#fm">flow matching</a> lets them drift along
a learned velocity field, and <a href="#cfm">conditional flow matching</a> does so towards a ring of
one’s choice. The noise point from which a model makes a data point is that point’s
<dfn>latent</dfn>.</p>
)html";

std::vector<std::string> missing_models(const Report& report) {
  std::vector<std::string> names;
  if (!report.normalizing_flow) names.emplace_back("the normalizing flow");
  if (!report.flow_matching) names.emplace_back("flow matching");
  if (!report.conditional) names.emplace_back("conditional flow matching");
  return names;
}

std::vector<std::string> missing_figures(const Pictures& pictures) {
  std::vector<std::string> names;
  for (const FigureText& text : kFigures) {
    if (!pictures.contains(std::string(text.stem))) names.push_back(link(text.id));
  }
  return names;
}

// Says at the top what is not there, so that nobody has to find it out by scrolling.
std::string notice(const Report& report, const Pictures& pictures) {
  std::vector<std::string> gaps;
  const std::vector<std::string> models = missing_models(report);
  const std::vector<std::string> figures = missing_figures(pictures);
  if (!models.empty()) gaps.push_back("the run of " + join(models, ", of "));
  if (figures.size() == kFigures.size()) {
    gaps.emplace_back("all figures");
  } else if (!figures.empty()) {
    gaps.push_back(join(figures, ", "));
  }
  if (gaps.empty()) return "";
  return fmt::format(
      "<p class=\"missing\" role=\"note\"><b>This page is not complete.</b> Missing: {}. "
      "<code>{}</code> makes everything.</p>\n",
      join(gaps, "; "), kMakeAll);
}

std::string short_hash(const std::string& hash) {
  constexpr std::size_t length = 12;
  return hash.size() <= length ? text_or_dash(hash) : escape(hash.substr(0, length)) + "…";
}

std::vector<std::string> summary_row(std::string_view name, const std::optional<Run>& run,
                                     double floor, double author, double on_ring) {
  const std::string least = theirs(fixed(floor, 4));
  const std::string authors = theirs(fixed(author, 3));
  if (!run) return {std::string(name), "–", "not trained", least, authors, "–", "–", "–", "–"};
  return {std::string(name),
          count(run->parameters),
          strong(fixed(last(run->loss), 3)),
          least,
          authors,
          percent(on_ring),
          duration(run->train_seconds),
          text_or_dash(run->seed),
          fmt::format("<code>{}</code>", short_hash(run->weights_hash))};
}

// The run of a model without what is special to it.
template <typename ModelRun>
std::optional<Run> common(const std::optional<ModelRun>& run) {
  return run ? std::optional<Run>(*run) : std::nullopt;
}

std::string summary(const Report& report) {
  const auto& [nf, fm, cfm] = report;
  const Table t{.id = "summary-table",
                .caption = "The three models of this run",
                .head = {"Model", "Parameters", "Final loss", "Floor", "Author", "On a ring",
                         "Training", "Seed", "Weights"},
                .rows = {summary_row("Normalizing flow", common(nf), reference::nf_floor,
                                     reference::nf_loss, nf ? nf->on_ring : kAbsent),
                         summary_row("Flow matching", common(fm), reference::fm_floor,
                                     reference::fm_loss, fm ? fm_on_ring(*fm) : kAbsent),
                         summary_row("Conditional flow matching", common(cfm), reference::cfm_floor,
                                     reference::cfm_loss, cfm ? mean_own_ring(*cfm) : kAbsent)}};
  return section("summary", "This run in short",
                 "<div class=\"wide\">\n" + table(t) + "</div>\n" +
                     R"html(
<p class="note">The loss of the normalizing flow is its <dfn>NLL</dfn>, the negative log-likelihood:
the mean of −log p over points kept out of training, in <dfn>nats</dfn>, the unit of the natural
logarithm. The loss of flow matching is the mean squared error of the velocity, per coordinate. The
two kinds cannot be compared with each other, only each with its <dfn>floor</dfn>: the least that
any model could reach, computed from the exact distribution of the data. The last model is asked for
a certain ring, and only that one counts; its share is the mean over the five. Grey numbers are not
this run’s own: “Author” is what was published by the author of the report, “Flow Models”, whose
figures are reproduced here.</p>
)html");
}

// ------------------------------------------------------------------- section 1: normalizing flow

constexpr std::string_view kNormalizingFlow = R"html(
<p>A normalizing flow is an invertible function between noise and data. Being invertible, it knows
the density of a data point: that of its latent, times the factor by which the way from data to
noise stretches the space around it, log p<sub>y</sub> = log p<sub>z</sub> + log det. Here the
function is a chain of fifteen <dfn>couplings</dfn>. Each leaves one coordinate as it is and scales
and shifts the other by amounts that two small networks read off the first; a permutation of the
coordinates then decides which one moves next.</p>
)html";

std::string point_name(std::size_t i) {
  return fmt::format("y<sub>{}</sub> <span class=\"kind\">{}</span>", i + 1,
                     i < kInliers ? "● inlier" : "○ outlier");
}

// Three decimals for a likely point; of an unlikely one, two are more than enough.
std::string log_density(double x) { return fixed(x, x > -10 ? 3 : 2); }

std::string density_table(const NormalizingFlowRun& run) {
  Table t{.id = "density-table",
          .caption =
              "The five points under the normalizing flow, in nats. Inliers lie on a ring, "
              "outliers do not.",
          .head = {"Point", "y", "log p<sub>y</sub>", "Author", "log p<sub>z</sub>", "Author"},
          .rows = {}};
  for (std::size_t i = 0; i < run.points.size(); ++i) {
    const LatentPoint& point = run.points[i];
    const reference::Density author =
        i < reference::points.size() ? reference::points[i] : reference::Density{kAbsent, kAbsent};
    t.rows.push_back({point_name(i), vector_text(point.y), strong(log_density(point.log_prob)),
                      theirs(log_density(author.log_prob)), strong(log_density(point.log_prior)),
                      theirs(log_density(author.log_prior))});
  }
  return table(t);
}

std::string density_text(const NormalizingFlowRun& run) {
  const Split log_prob = split(run.points, [](const LatentPoint& p) { return p.log_prob; });
  const double worst_inlier = smallest(log_prob.inliers);
  const double best_outlier = largest(log_prob.outliers);
  if (!std::isfinite(worst_inlier + best_outlier)) return "";
  const std::string verdict =
      best_outlier < worst_inlier
          ? fmt::format(
                "The outliers fall short of every inlier by {} nats or more. How far is of "
                "little meaning: the model has never seen such points, and equally good "
                "ones disagree by orders of magnitude.",
                fixed(worst_inlier - best_outlier, 1))
          : "Against expectation, not every outlier falls below every inlier.";
  return paragraph(fmt::format(
      "A perfect model would give every point on the rings the same log-density, {}; the three "
      "inliers have {} on average. {}",
      fixed(-reference::nf_floor, 4), fixed(mean(log_prob.inliers), 3), verdict));
}

std::string radii_text(const std::vector<LatentPoint>& points) {
  const Split radius = split(points, [](const LatentPoint& p) { return norm(p.z); });
  const auto list = [](const std::vector<double>& values) {
    std::vector<std::string> texts;
    for (const double value : values) texts.push_back(fixed(value, 2));
    return texts.empty() ? "–" : join(texts, ", ");
  };
  return fmt::format("The latents of the inliers lie {} from the origin, those of the outliers {}.",
                     list(radius.inliers), list(radius.outliers));
}

std::string nf_loss_reading(const NormalizingFlowRun& run) {
  return fall(run.loss, " nats") + progress_text(run) + " " +
         standing(run.loss, reference::nf_loss, reference::nf_floor, 0.006);
}

std::string nf_samples_reading(const NormalizingFlowRun& run) {
  return fmt::format(
      "{} of the samples are on a ring and {} are within 0.05 of one (author: {:.0f} and {:.0f} "
      "%). A continuous invertible map can stretch the plane thin but not tear it, so some points "
      "are always left between the rings and inside them.",
      percent(run.on_ring), percent(run.near_ring), 100 * reference::nf_on_ring,
      100 * reference::nf_near_ring);
}

std::string nf_layers_reading(const NormalizingFlowRun& run) {
  return fmt::format(
      "A coupling moves points along one axis only, so the cloud is sheared and squeezed, not "
      "carried. Nothing in the loss cares what the panels in between look like; only the last is "
      "asked to resemble the data, and {} of the samples end on a ring. {} is the same for flow "
      "matching.",
      percent(run.on_ring), link("7"));
}

std::string normalizing_flow_section(const Report& report, const Pictures& pictures) {
  const auto& run = report.normalizing_flow;
  const auto reading = [&run](auto text) { return run ? text(*run) : std::string(); };
  const auto inverse_reading = [](const NormalizingFlowRun& r) { return radii_text(r.points); };
  return section(
      "nf", "1 · Normalizing flow",
      fmt::format(
          "{}{}{}{}{}{}{}{}", kNormalizingFlow,
          run ? run_note(*run) : no_run("the normalizing flow"),
          figure("1", pictures, reading(nf_loss_reading)),
          figure("2", pictures, reading(nf_samples_reading)),
          figure("3", pictures, reading(nf_layers_reading)),
          figure(
              "4", pictures,
              "A layer moves a point along one axis, a permutation then mirrors it in the "
              "diagonal: the path is a chain of leaps, and its middle says little about where it "
              "ends. " +
                  link("8") + " is its counterpart in flow matching."),
          figure("5", pictures, reading(inverse_reading)),
          run ? density_table(*run) + density_text(*run) : ""));
}

// ---------------------------------------------------------------------- section 2: flow matching

constexpr std::string_view kFlowMatching = R"html(
<p>Flow matching learns a velocity: a network that says, for every place and every time from 0 to 1,
where to go next. It is trained on straight lines. A noise point, a data point and a time are drawn;
the network is shown the place on the line between the two at that time and has to guess the line’s
direction. Many lines cross at every place, so the best guess is their mean, and the loss cannot
fall to zero. To make a sample, a noise point follows the velocity in steps of length <var>dt</var>
(Euler’s method); with the sign reversed, a data point goes back to its latent.</p>
)html";

std::string fm_loss_reading(const FlowMatchingRun& run) {
  const double range = reference::fm_linear - reference::fm_floor;
  const double covered = (reference::fm_linear - last(run.loss)) / range;
  return fmt::format(
      "{} {} The curve looks flat because there is little to win: a velocity that is linear in y "
      "already reaches {:.4f}, so all that is worth learning fits into {:.3f}. {}",
      fall(run.loss, ""), standing(run.loss, reference::fm_loss, reference::fm_floor, 0.004),
      reference::fm_linear, range,
      covered > 0    ? fmt::format("This run has covered {} of it.", percent(covered))
      : covered <= 0 ? "This run has not even come that far."
                     : "");
}

std::string fm_samples_reading(const Report& report) {
  const double share = report.flow_matching ? fm_on_ring(*report.flow_matching) : kAbsent;
  const double nf_share = report.normalizing_flow ? report.normalizing_flow->on_ring : kAbsent;
  std::string text = fmt::format(
      "By construction the cloud first draws together, to 0.71 of its width at t = 1/2, and then "
      "spreads outwards into the rings. At the end {} of the points are on a ring",
      percent(share));
  if (std::isfinite(share + nf_share)) {
    text += fmt::format(", {} the {} of the normalizing flow",
                        std::abs(share - nf_share) < 0.01 ? "about as many as"
                        : share > nf_share                ? "more than"
                                                          : "fewer than",
                        percent(nf_share));
  }
  return text + ".";
}

std::string euler_table(const FlowMatchingRun& run) {
  Table t{.id = "euler-table",
          .caption =
              "Euler’s method by step size: share of the samples on a ring, and their "
              "standard deviation (1 would be right)",
          .head = {"dt", "Left rule", "std", "Right rule", "std", "Author, left", "std"},
          .rows = {}};
  // Steps that only one of the rules was run with still get their row.
  std::vector<double> steps;
  for (const auto* results : {&run.euler, &run.euler_right}) {
    for (const EulerResult& result : *results) {
      const auto same = [&](double dt) { return same_step(dt, result.dt); };
      if (std::isfinite(result.dt) && std::ranges::none_of(steps, same)) steps.push_back(result.dt);
    }
  }
  std::ranges::sort(steps);
  for (const double dt : steps) {
    const EulerResult left = at_step(run.euler, dt);
    const EulerResult right = at_step(run.euler_right, dt);
    const EulerResult author = at_step(reference::euler, dt);
    t.rows.push_back({step(dt), strong(percent(left.on_ring)), fixed(left.std, 2),
                      percent(right.on_ring), fixed(right.std, 2), theirs(percent(author.on_ring)),
                      theirs(fixed(author.std, 2))});
  }
  return steps.empty() ? "" : table(t);
}

// The largest step that costs less than two percentage points of the rings.
double harmless_step(std::vector<EulerResult> results) {
  std::ranges::sort(results, {}, &EulerResult::dt);
  double harmless = kAbsent;
  for (const EulerResult& result : results) {
    if (!(result.on_ring > results.front().on_ring - 0.02)) break;
    harmless = result.dt;
  }
  return harmless;
}

// How share and spread change from the smallest step to the largest.
std::string step_size_change(const std::vector<EulerResult>& results) {
  const EulerResult fine = finest(results);
  const EulerResult coarse = coarsest(results);
  return fmt::format(
      "From dt = {} to {} the share on a ring goes from {} to {}, and the standard deviation from "
      "{} to {}.",
      step(fine.dt), step(coarse.dt), percent(fine.on_ring), percent(coarse.on_ring),
      fixed(fine.std, 2), fixed(coarse.std, 2));
}

std::string step_size_reading(const FlowMatchingRun& run) {
  if (run.euler.size() < 2) return "This run was not sampled with several steps.";
  const double harmless = harmless_step(run.euler);
  const double fine = finest(run.euler).dt;
  if (!(harmless > fine)) return step_size_change(run.euler);
  return step_size_change(run.euler) +
         fmt::format(
             " Up to dt = {} the share drops by less than two points: {:.0f} steps do "
             "nearly the work of {:.0f}.",
             step(harmless), 1 / harmless, 1 / fine);
}

std::string right_rule_reading(const FlowMatchingRun& run) {
  if (run.euler_right.size() < 2) return "This run was not sampled with the right rule.";
  return step_size_change(run.euler_right);
}

std::string round_trip_table(const Report& report) {
  const auto points = [](const auto& run) {
    return run ? run->points : std::vector<LatentPoint>();
  };
  const std::vector<LatentPoint> nf = points(report.normalizing_flow);
  const std::vector<LatentPoint> fm = points(report.flow_matching);
  const auto error = [](const std::vector<LatentPoint>& list, std::size_t i) {
    return scientific(i < list.size() ? list[i].round_trip_error : kAbsent);
  };
  Table t{.id = "round-trip-table",
          .caption =
              "Round trip, to the latent and back: distance between where a point started "
              "and where it came back to",
          .head = {"Point", "Flow matching", "Normalizing flow"},
          .rows = {}};
  for (std::size_t i = 0; i < std::max(nf.size(), fm.size()); ++i) {
    t.rows.push_back({point_name(i), error(fm, i), error(nf, i)});
  }
  const auto average = [](const std::vector<LatentPoint>& list) {
    return strong(scientific(mean(of_points(list, &LatentPoint::round_trip_error))));
  };
  t.rows.push_back({"Mean", average(fm), average(nf)});
  return table(t);
}

constexpr std::string_view kBonus =
    "A flow can be made to output any point one likes: follow the velocity backwards from it, and "
    "the latent that leads there is found. The point (4, 5), in normalised coordinates, lies far "
    "from all data, at about (8.4, 3.8) in the coordinates of the rings; the model has never been "
    "trained near it, and back and forth it should still return, up to an error of order dt.";

std::string flow_matching_section(const Report& report, const Pictures& pictures) {
  const auto& run = report.flow_matching;
  const auto reading = [&run](auto text) { return run ? text(*run) : std::string(); };
  const auto inverse_reading = [](const FlowMatchingRun& r) { return radii_text(r.points); };
  std::string html(kFlowMatching);
  html += run ? run_note(*run) : no_run("flow matching");
  html += figure("6", pictures, reading(fm_loss_reading));
  html += side_by_side(figure("7", pictures, run ? fm_samples_reading(report) : ""),
                       figure_again("3", pictures));
  html += side_by_side(figure("8", pictures,
                              "Each path is made of many small steps along one velocity field and "
                              "bends without corners; the layers of the normalizing flow leap."),
                       figure_again("4", pictures));
  html += side_by_side(figure("9", pictures, reading(step_size_reading)),
                       figure("9-right", pictures, reading(right_rule_reading)));
  if (run) html += euler_table(*run);
  html +=
      side_by_side(figure("10a", pictures, reading(inverse_reading)),
                   figure("10b", pictures,
                          "A step forward uses the velocity where it starts, and so does a step "
                          "back; as they start at opposite ends, they do not quite cancel."));
  if (run || report.normalizing_flow) html += round_trip_table(report);
  html += figure("bonus", pictures, kBonus);
  return section("fm", "2 · Flow matching", html);
}

// ---------------------------------------------------------- section 3: conditional flow matching

constexpr std::string_view kConditional = R"html(
<p>The same network, told which ring to aim for: each of the five colours gets ten numbers of its
own, learned along with the rest and fed in beside place and time. Its training set is drawn ring by
ring, the same number of points on each, evenly in radius and angle, and is not clipped by the box;
it is therefore not quite the set of the other two models.</p>
)html";

std::string own_ring_table(const ConditionalRun& run) {
  Table t{.id = "own-ring-table",
          .caption = "Share of the samples on the ring they were asked for",
          .head = {"Ring", "This run", "Author"},
          .rows = {}};
  double author_sum = 0;
  for (const reference::Ring& ring : reference::rings) {
    const auto found = run.own_ring.find(ring.colour);
    const double share = found == run.own_ring.end() ? kAbsent : found->second;
    t.rows.push_back({swatch(ring), strong(percent(share)), theirs(percent(ring.own_ring))});
    author_sum += ring.own_ring;
  }
  t.rows.push_back({"Mean", strong(percent(mean_own_ring(run))),
                    theirs(percent(author_sum / reference::rings.size()))});
  return table(t);
}

std::string own_ring_reading(const Report& report) {
  const ConditionalRun& run = *report.conditional;
  const auto by_share = [](const auto& a, const auto& b) { return a.second < b.second; };
  const double average = mean_own_ring(run);
  if (!std::isfinite(average)) return "This run does not hold the shares of all rings.";
  const auto [worst, best] = std::ranges::minmax_element(run.own_ring, by_share);
  std::string text = fmt::format(
      "At the end {} of the samples are on the very ring they were asked for, from {} ({}) to {} "
      "({}).",
      percent(average), percent(worst->second), escape(worst->first), percent(best->second),
      escape(best->first));
  const double unconditional = report.flow_matching ? fm_on_ring(*report.flow_matching) : kAbsent;
  if (average > unconditional + 0.02) {
    text += fmt::format(
        " Without the label it was {} on any ring: one ring at a time is the easier task.",
        percent(unconditional));
  } else if (std::isfinite(unconditional)) {
    text += fmt::format(
        " Without the label it was {} on any ring, so here the label did not make the task easier.",
        percent(unconditional));
  }
  return text;
}

std::string cfm_loss_text(const ConditionalRun& run) {
  return paragraph(fall(run.loss, "") + " " +
                   standing(run.loss, reference::cfm_loss, reference::cfm_floor, 0.004) +
                   fmt::format(" Knowing the ring lowers the floor from {:.4f} to {:.4f}: the "
                               "directions that have to be guessed differ less.",
                               reference::fm_floor, reference::cfm_floor));
}

std::string conditional_section(const Report& report, const Pictures& pictures) {
  const auto& run = report.conditional;
  std::string html(kConditional);
  html += run ? run_note(*run) + cfm_loss_text(*run) : no_run("conditional flow matching");
  html +=
      figure("11", pictures,
             "The five colours are the five labels. Where rings cross, a point may carry either "
             "colour: there, only the label says where it belongs.");
  html += figure("12", pictures,
                 "All five follow the same network and differ in nothing but noise and label.");
  html += figure("13", pictures, run ? own_ring_reading(report) : "");
  if (run) html += own_ring_table(*run);
  return section("cfm", "3 · Conditional flow matching", html);
}

// ------------------------------------------------------------------- section 4: the comparison

enum class Verdict { holds, fails, seen, unknown };

// A claim of the report, and what this run has to say about it.
struct Finding {
  std::string claim;
  Verdict verdict = Verdict::unknown;
  std::string evidence = {};
};

std::string finding_html(const Finding& finding) {
  const auto [style, label] = [&]() -> std::pair<std::string_view, std::string_view> {
    switch (finding.verdict) {
      case Verdict::holds:
        return {"holds", "✓ holds in this run"};
      case Verdict::fails:
        return {"fails", "✗ does not hold in this run"};
      case Verdict::seen:
        return {"seen", "to be seen in the figures"};
      case Verdict::unknown:
        break;
    }
    return {"unknown", "not measured in this run"};
  }();
  return fmt::format(
      "<article class=\"finding\">\n<h3>{}</h3>\n<p class=\"verdict {}\">{}</p>\n{}</article>\n",
      finding.claim, style, label, paragraph(finding.evidence));
}

Verdict verdict(bool holds) { return holds ? Verdict::holds : Verdict::fails; }

Finding smooth_or_broken(const Report& report) {
  Finding finding{.claim = "One flow glides, the other leaps"};
  if (!report.normalizing_flow || !report.flow_matching) {
    finding.evidence = "This takes the figures of both models.";
    return finding;
  }
  finding.verdict = Verdict::seen;
  finding.evidence = fmt::format(
      "In {} points move smoothly, the cloud opening from the inside out; in {} a path is cut into "
      "thirty pieces, fifteen couplings and fifteen permutations, and its states in between belong "
      "to no distribution in particular. The samples over time ({}) and through the layers ({}) "
      "tell the same of the whole cloud.",
      link("8"), link("4"), link("7"), link("3"));
  return finding;
}

bool has_latents(const std::vector<LatentPoint>& points) {
  return points.size() > kInliers && std::ranges::all_of(points, [](const LatentPoint& point) {
           return std::isfinite(norm(point.z));
         });
}

Finding two_latents(const Report& report) {
  Finding finding{.claim = "One point has a latent in each model, and they differ"};
  const auto& [nf, fm, cfm] = report;
  if (!nf || !fm || !has_latents(nf->points) || !has_latents(fm->points) ||
      nf->points.size() != fm->points.size()) {
    finding.evidence = "This takes the latents of the points under both models.";
    return finding;
  }
  std::vector<double> distances;
  for (std::size_t i = 0; i < nf->points.size(); ++i) {
    const auto& a = nf->points[i].z;
    const auto& b = fm->points[i].z;
    distances.push_back(norm({a[0] - b[0], a[1] - b[1]}));
  }
  finding.verdict = verdict(smallest(distances) > 0.1);
  finding.evidence = fmt::format(
      "The two latents of a point lie {} apart at least and {} at most (table below). "
      "Neither model is wrong: infinitely many maps turn the normal distribution into the rings, "
      "and training picks one of them.",
      fixed(smallest(distances), 2), fixed(largest(distances), 2));
  if (finding.verdict == Verdict::fails) {
    finding.evidence += " Where the two nearly agree on a point, it is by chance.";
  }
  return finding;
}

Finding near_or_far(const Report& report) {
  Finding finding{.claim =
                      "Inliers land near the origin of the latent space, outliers far from it"};
  std::vector<std::string> texts;
  bool holds = true;
  const auto add = [&](std::string_view model, const std::vector<LatentPoint>& points) {
    if (!has_latents(points)) return;
    const Split radius = split(points, [](const LatentPoint& p) { return norm(p.z); });
    const double inlier = largest(radius.inliers);
    const double outlier = smallest(radius.outliers);
    holds = holds && inlier < outlier;
    texts.push_back(fmt::format("{}: inliers within {} of it, outliers {} away or more", model,
                                fixed(inlier, 2), fixed(outlier, 2)));
  };
  if (report.normalizing_flow) add("Normalizing flow", report.normalizing_flow->points);
  if (report.flow_matching) add("Flow matching", report.flow_matching->points);
  if (texts.empty()) {
    finding.evidence = "This takes the latents of the points.";
    return finding;
  }
  finding.verdict = verdict(holds);
  finding.evidence = join(texts, ". ") +
                     ". For scale: 95 % of the noise lies within 2.45 of the origin, so an outlier "
                     "far beyond that is a point the model would hardly ever draw.";
  return finding;
}

Finding large_steps(const Report& report) {
  Finding finding{.claim = "A large step loses the rings"};
  const EulerResult fine =
      report.flow_matching ? finest(report.flow_matching->euler) : EulerResult{};
  const EulerResult coarse =
      report.flow_matching ? coarsest(report.flow_matching->euler) : EulerResult{};
  if (!std::isfinite(fine.on_ring + coarse.on_ring)) {
    finding.evidence = "This takes flow matching, sampled with several step sizes.";
    return finding;
  }
  const bool holds = coarse.on_ring < fine.on_ring - 0.05;
  finding.verdict = verdict(holds);
  finding.evidence = fmt::format(
      "{} of the samples are on a ring with dt = {}, {} with dt = {}{}. The normalizing flow has "
      "no such choice to make: its layers are what they are.",
      percent(fine.on_ring), step(fine.dt), percent(coarse.on_ring), step(coarse.dt),
      holds ? ": a step is straight, and the larger it is, the further it runs past the bends of "
              "the path"
            : "");
  return finding;
}

Finding time_rule(const Report& report) {
  Finding finding{.claim =
                      "Left rule: the samples shrink to the mean. Right rule: the rings blow up"};
  const FlowMatchingRun run = report.flow_matching.value_or(FlowMatchingRun{});
  const double left_change = coarsest(run.euler).std - finest(run.euler).std;
  const double right_change = coarsest(run.euler_right).std - finest(run.euler_right).std;
  const std::string contradiction =
      " The report contradicts itself here. Its text says that a larger dt draws the samples to "
      "the mean, as the left rule does, v(y, t) for the step from t to t + dt; its figure shows "
      "rings that grow, as they do under the right rule, v(y, t + dt). This page takes the left "
      "rule as the standard one and shows both (" +
      link("9") + ").";
  if (!std::isfinite(left_change + right_change)) {
    finding.evidence = "This takes flow matching, sampled with both rules." + contradiction;
    return finding;
  }
  finding.verdict = verdict(left_change < -0.02 && right_change > 0.02);
  finding.evidence =
      fmt::format(
          "From the smallest to the largest dt, the standard deviation changes by {} with "
          "the left rule and by {} with the right one.",
          with_sign(left_change, 2), with_sign(right_change, 2)) +
      contradiction;
  return finding;
}

Finding round_trip(const Report& report) {
  Finding finding{.claim = "There and back: exact for one, of order dt for the other"};
  const auto errors = [](const auto& run) {
    return run ? of_points(run->points, &LatentPoint::round_trip_error) : std::vector<double>();
  };
  const double nf = largest(errors(report.normalizing_flow));
  const double fm = mean(errors(report.flow_matching));
  if (!std::isfinite(nf + fm)) {
    finding.evidence = "This takes the round trips of both models.";
    return finding;
  }
  constexpr double rounding = 1e-4;  // what float32 may lose over thirty layers and back
  constexpr double order_dt = 3e-2;  // 30 dt
  finding.verdict = verdict(nf < rounding && fm < order_dt);
  finding.evidence = fmt::format(
      "The normalizing flow returns its worst point to within {}, {}; flow matching misses by {} "
      "on average ({} in the author’s run, dt = 1/1000), {}. Its error is first order in dt: a "
      "tenth of the step, a tenth of the error.",
      scientific(nf),
      nf < rounding ? "which is rounding" : "which is more than rounding alone explains",
      scientific(fm), scientific(reference::fm_round_trip),
      fm < order_dt ? "which is the error of Euler’s method"
                    : "which is more than one expects of Euler’s method");
  return finding;
}

std::string latent_table(const Report& report) {
  const auto& [nf, fm, cfm] = report;
  const std::size_t rows = std::max(nf ? nf->points.size() : 0, fm ? fm->points.size() : 0);
  Table t{.id = "latent-table",
          .caption = "The latents of the five points under both models",
          .head = {"Point", "z, normalizing flow", "|z|", "z, flow matching", "|z|", "Apart"},
          .rows = {}};
  for (std::size_t i = 0; i < rows; ++i) {
    const LatentPoint a = nf && i < nf->points.size() ? nf->points[i] : LatentPoint{};
    const LatentPoint b = fm && i < fm->points.size() ? fm->points[i] : LatentPoint{};
    t.rows.push_back({point_name(i), vector_text(a.z), fixed(norm(a.z), 2), vector_text(b.z),
                      fixed(norm(b.z), 2), fixed(norm({a.z[0] - b.z[0], a.z[1] - b.z[1]}), 2)});
  }
  return rows == 0 ? "" : table(t);
}

std::string comparison_section(const Report& report) {
  std::string html = paragraph(
      "What the report concludes, each claim put to the numbers of this run. A claim that they do "
      "not bear out says so.");
  for (const Finding& finding : {smooth_or_broken(report), two_latents(report), near_or_far(report),
                                 large_steps(report), time_rule(report), round_trip(report)}) {
    html += finding_html(finding);
  }
  return section("comparison", "4 · The two families compared", html + latent_table(report));
}

constexpr std::string_view kAgain = R"html(
<p>One command, from the root of the project, trains the three models, draws the figures and writes
this page:</p>
<pre><code>experiments/reproduce.sh</code></pre>
<p>The page itself is written by the program <code>report</code> from <code>report.json</code> and
the figures beside it; after a single experiment was run again, <code>report --out results</code>
brings it up to date. Every run states its seed and a hash of its weights: with the same seed and
options, the hash tells at a glance whether two runs agree.</p>
)html";

// ------------------------------------------------------------------------------------ the style

constexpr std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #fdfcfa; --ink: #22252a; --soft: #666b73; --rule: #dddad3; --tint: #f3f1ec;
  --link: #1d5a94; --good: #21703c; --bad: #a8321f; --warn: #fbf0d6; --warn-rule: #d9a62e;
  --shade: #0002;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #dcdedf; --soft: #989da5; --rule: #34383d; --tint: #1f2226;
    --link: #8dbdec; --good: #7fcb97; --bad: #f0907f; --warn: #2e2817; --warn-rule: #b98f2f;
    --shade: #000a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.6 Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif;
  overflow-wrap: break-word; hanging-punctuation: first;
}
header, section {
  display: grid;
  grid-template-columns: minmax(1.1rem, 1fr) minmax(0, 44rem) minmax(1.1rem, 1fr);
}
header > *, section > * { grid-column: 2; min-width: 0; }
section > .wide, section > .pair {
  grid-column: 1 / -1; justify-self: center; width: 100%; max-width: 74rem; padding: 0 1.1rem;
}
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
h1, h2, h3 { line-height: 1.2; font-weight: 600; text-wrap: balance; }
h1 { font-size: clamp(2rem, 6vw, 2.9rem); letter-spacing: -.015em; margin: 0 0 .4em; }
h2 { font-size: 1.65rem; margin: 3.5rem 0 .6rem; padding-top: 1.4rem;
     border-top: 1px solid var(--rule); }
h3 { font-size: 1.12rem; margin: 0; }
p { margin: 0 0 1em; }
dfn { font-style: italic; }
code, pre { font: .86em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre { background: var(--tint); border-radius: 6px; padding: .8rem 1rem; overflow-x: auto; }
header { padding-top: clamp(2rem, 7vw, 4.5rem); }
.kicker { margin: 0 0 .6rem; color: var(--soft); letter-spacing: .08em;
          font-variant-caps: all-small-caps; }
.subtitle { color: var(--soft); font-size: 1.2rem; line-height: 1.4; margin-bottom: 1.8rem; }
.note { color: var(--soft); font-size: .92rem; line-height: 1.5; }
.missing { background: var(--warn); border-left: 3px solid var(--warn-rule);
           border-radius: 0 6px 6px 0; padding: .7rem 1rem; font-size: .95rem; }
nav ul { list-style: none; margin: .4rem 0 0; padding: 0; display: flex; flex-wrap: wrap;
         gap: .2rem 1.4rem; font-size: .95rem; }
figure { margin: 1.4rem 0; min-width: 0; }
figure img { display: block; width: auto; max-width: 100%; height: auto; margin: 0 auto;
             background: #fff; padding: .6rem; border: 1px solid var(--rule); border-radius: 6px; }
figcaption { margin: .7rem 0 .5rem; font-size: .95rem; line-height: 1.45; color: var(--soft); }
figcaption b { color: var(--ink); }
figure p { margin: 0; }
sub, sup { line-height: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
        gap: 0 2rem; }
/* A shadow at an edge says that there is more of the table beyond it. */
.scroll {
  overflow-x: auto;
  background:
    linear-gradient(to right, var(--paper) 40%, transparent) left / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--paper) 40%, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(to right, var(--shade), transparent) left / .7rem 100% no-repeat scroll,
    linear-gradient(to left, var(--shade), transparent) right / .7rem 100% no-repeat scroll;
}
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 4px; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; line-height: 1.35;
        font-variant-numeric: tabular-nums lining-nums; }
.table figcaption { margin: 0 0 .5rem; }
th, td { padding: .38rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-weight: 600; border-bottom: 1.5px solid var(--ink); vertical-align: bottom; }
tbody th { font-weight: 400; }
tbody tr { border-bottom: 1px solid var(--rule); }
.ref, .kind { color: var(--soft); }
.kind { font-size: .88em; margin-left: .3em; }
.swatch { display: inline-block; width: .75em; height: .75em; border-radius: 50%;
          margin-right: .5em; border: 1px solid var(--rule); }
.finding { margin: 1.1rem 0 .4rem; }
.finding p { margin: .3rem 0 0; }
.finding .verdict { font-size: .88rem; color: var(--soft); margin-top: .15rem; }
.finding .holds { color: var(--good); }
.finding .fails { color: var(--bad); }

@page { margin: 17mm 16mm; }
@media print {
  :root { --paper: #fff; --tint: #f4f4f4; }
  html { font-size: 9.6pt; }
  body { line-height: 1.45; }
  header, section { display: block; padding-top: 0; }
  section > .wide, section > .pair { padding: 0; max-width: none; }
  a { color: inherit; text-decoration: none; }
  nav { display: none; }
  h2 { margin-top: 2rem; }
  h2, h2 + p, h3, .verdict { break-after: avoid; page-break-after: avoid; }
  figure, table, .finding, pre { break-inside: avoid; page-break-inside: avoid; }
  figure { margin: .9rem 0; }
  figure img { max-height: 88mm; padding: 0; border: 0; }
  .pair { grid-template-columns: 1fr 1fr; gap: 0 1.2rem;
          break-inside: avoid; page-break-inside: avoid; }
  .scroll { overflow: visible; background: none; }
  th, td { padding: .25rem .45rem; }
}
)css";

constexpr std::string_view kHeader = R"html(
<p class="kicker">gradflow</p>
<h1>Flow models on the Olympic rings</h1>
<p class="subtitle">Three generative models, trained by an autodiff toolkit built from scratch, and
the thirteen figures that set them side by side</p>
)html";

constexpr std::string_view kContents = R"html(
<nav aria-label="Sections"><ul>
<li><a href="#summary">In short</a></li>
<li><a href="#nf">1 · Normalizing flow</a></li>
<li><a href="#fm">2 · Flow matching</a></li>
<li><a href="#cfm">3 · Conditional</a></li>
<li><a href="#comparison">4 · Compared</a></li>
<li><a href="#again">Make it again</a></li>
</ul></nav>
)html";

}  // namespace

std::string report_page(const Report& report, const Pictures& pictures) {
  const std::string top = fmt::format("<header>{}{}{}{}</header>\n<main>\n", kHeader,
                                      notice(report, pictures), kIntroduction, kContents);
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n"
         "<title>Flow models on the Olympic rings – gradflow</title>\n<style>" +
         std::string(kStyle) + "</style>\n</head>\n<body>\n" + top + summary(report) +
         normalizing_flow_section(report, pictures) + flow_matching_section(report, pictures) +
         conditional_section(report, pictures) + comparison_section(report) +
         section("again", "How to make this page again", kAgain) + "</main>\n</body>\n</html>\n";
}

}  // namespace gradflow
