#include "experiments/page/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "experiments/page/html.h"
#include "experiments/page/reference.h"

namespace gradflow {
namespace {

constexpr std::string_view kIntroduction = R"html({}
<p>The data are points of the plane, spread evenly over the five interlaced rings of the Olympic
flag. A point is <dfn>on a ring</dfn> if its distance from that ring’s centre is between 0.875 and
1.125; the box they are drawn from, −1 to 5 by −2 to 1, is a little smaller than the rings and cuts
their outer edges flat. Before training, each axis is shifted to mean 0 and scaled to standard
deviation 1, which is why the circles look like ellipses. Three models learn to turn noise, points
of a standard normal distribution, into such points: a <a href="#nf">normalizing flow</a> passes
them through fifteen invertible layers, <a href="#fm">flow matching</a> lets them drift along a
learned velocity field, and <a href="#cfm">conditional flow matching</a> does so towards a ring of
one’s choice. The noise point from which a model makes a data point is that point’s
<dfn>latent</dfn>.</p>
<nav aria-label="Sections"><ul>
<li><a href="#summary">In short</a></li>
<li><a href="#nf">1 · Normalizing flow</a></li>
<li><a href="#fm">2 · Flow matching</a></li>
<li><a href="#cfm">3 · Conditional</a></li>
<li><a href="#comparison">4 · Compared</a></li>
<li><a href="#beyond">5 · Beyond the report</a></li>
<li><a href="#again">Make it again</a></li>
</ul></nav>
</header>
<main>
)html";

constexpr std::string_view kSummary = R"html(
<p class="note">The loss of the normalizing flow is its <dfn>NLL</dfn>, the negative log-likelihood:
the mean of −log p over points kept out of training, in <dfn>nats</dfn>, the unit of the natural
logarithm. The loss of flow matching is the mean squared error of the velocity, per coordinate. The
two kinds cannot be compared with each other, only each with its <dfn>floor</dfn>: the least that
any model could reach, computed from the exact distribution of the data. The last model is asked for
a certain ring, and only that one counts; its share is the mean over the five. Grey numbers are not
this run’s own: “Author” is what was published by the author of the report, “Flow Models”, whose
figures are reproduced here.</p>
)html";

constexpr std::string_view kAgain = R"html(
<p>One command, from the root of the project, trains the three models, draws the figures and writes
this page:</p>
<pre><code>experiments/reproduce.sh</code></pre>
<p>The page itself is written by the program <code>report</code> from <code>report.json</code> and
the figures beside it; after a single experiment was run again, <code>report --out results</code>
brings it up to date. Every run states its seed and a hash of its weights: with the same seed and
options, the hash tells at a glance whether two runs agree.</p>
)html";

const FigureText& figure_text(std::string_view stem) {
  const auto found = std::ranges::find(kFigures, stem, &FigureText::stem);
  if (found == kFigures.end()) throw std::logic_error(fmt::format("no figure {}", stem));
  return *found;
}

// Says at the top what is not there, so that nobody has to find it out by scrolling.
std::string notice(const Report& report) {
  std::vector<std::string> gaps;
  const auto need = [&gaps](const Json& run, const ModelFacts& model) {
    if (run.is_null()) gaps.push_back(fmt::format("{} (not trained)", model.name));
  };
  need(report.normalizing_flow, kNormalizingFlow);
  need(report.flow_matching, kFlowMatching);
  need(report.conditional, kConditional);
  for (const FigureText& text : kFigures)
    if (!report.pictures.contains(text.stem)) gaps.push_back(link(text.stem));
  if (gaps.empty()) return "";
  return fmt::format(
      R"(<p class="missing" role="note"><b>This page is not complete.</b> Missing: {}.
<code>experiments/reproduce.sh</code> makes everything, and an absent number is a dash.</p>)",
      join(gaps, "; "));
}

// If the laboratory in the browser has been built: reproduce.sh --browser.
std::string laboratory(const Report& report) {
  if (!report.laboratory) return "";
  return R"html(
<p><a href="gradflow.html">A laboratory</a>: both families of models, trained in the browser by the
same code, on rings, on other data, or on what you draw.</p>)html";
}

Cells summary_row(const Json& run, const ModelFacts& model, const std::string& loss) {
  return {std::string(model.name),
          fixed(number(run, "parameters"), 0),
          run.is_null() ? "not trained" : strong(fixed(last(numbers(run, loss)), 3)),
          theirs(fixed(model.floor, 4)),
          theirs(fixed(model.author, 3)),
          percent(share_on_ring(run)),
          duration(number(run, "train_seconds")),
          escape(text(run, "seed")),
          fmt::format("<code>{}</code>", escape(text(run, "weights_hash").substr(0, 12)))};
}

std::string summary_section(const Report& report) {
  const std::string models =
      table("summary-table", "The three models of this run",
            {"Model", "Parameters", "Final loss", "Floor", "Author", "On a ring", "Training",
             "Seed", "Weights"},
            {summary_row(report.normalizing_flow, kNormalizingFlow, "validation_nll"),
             summary_row(report.flow_matching, kFlowMatching, "loss"),
             summary_row(report.conditional, kConditional, "loss")});
  return section("summary", "This run in short",
                 fmt::format("<div class=\"wide\">\n{}</div>\n{}", models, kSummary));
}

}  // namespace

std::string link(std::string_view stem) {
  return fmt::format("<a href=\"#{}\">{}</a>", stem, figure_text(stem).name);
}

std::string figure(const Report& report, std::string_view stem, std::string_view reading) {
  const FigureText& text = figure_text(stem);
  const auto found = report.pictures.find(stem);
  const std::string picture =
      found == report.pictures.end()
          ? fmt::format(R"(<p class="missing">There is no readable picture <code>{}</code>.</p>)",
                        stem)
          : fmt::format(R"(<img src="data:image/{};base64,{}" alt="{}">)",
                        found->second.starts_with("GIF") ? "gif" : "png", base64(found->second),
                        text.alt);
  return fmt::format(R"(<figure id="{}">
{}
<figcaption><b>{}.</b> {}</figcaption>
<p>{}</p>
</figure>
)",
                     stem, picture, text.name, text.caption, reading);
}

std::string side_by_side(std::string_view left, std::string_view right) {
  return fmt::format("<div class=\"wide pair\">\n{}{}</div>\n", left, right);
}

std::string point_name(std::size_t i) {
  return fmt::format("y<sub>{}</sub> <span class=\"kind\">{}</span>", i + 1,
                     i < kInliers ? "● inlier" : "○ outlier");
}

Numbers own_rings(const Json& run) {
  Numbers shares;
  for (const Ring& ring : kRings) shares.push_back(number(child(run, "own_ring"), ring.name));
  return shares;
}

double share_on_ring(const Json& run) {
  if (!child(run, "own_ring").is_null()) return mean(own_rings(run));
  if (!child(run, "euler").is_null()) return first(column(run, "euler", "on_ring"));
  return number(run, "on_ring");
}

Numbers radii(const Json& run) {
  Numbers result;
  for (const auto& [x, y] : pairs(run, "points", "z")) result.push_back(std::hypot(x, y));
  return result;
}

std::pair<Numbers, Numbers> split(const Numbers& of_points) {
  std::pair<Numbers, Numbers> result;
  for (std::size_t i = 0; i < of_points.size(); ++i)
    (i < kInliers ? result.first : result.second).push_back(of_points[i]);
  return result;
}

std::string report_page(const Report& report) {
  return page_head("Flow models on the Olympic rings",
                   "Three generative models, trained by an autodiff toolkit built from scratch, "
                   "and\nthe thirteen figures that set them side by side") +
         fmt::format(kIntroduction, notice(report) + laboratory(report)) + summary_section(report) +
         normalizing_flow_section(report) + flow_matching_section(report) +
         conditional_section(report) + comparison_section(report) + beyond_section(report) +
         section("again", "How to make this page again", kAgain) + std::string(kPageEnd);
}

}  // namespace gradflow
