// Sections 1 to 3 of the report page: one for each model.
//
// The idea: what the model is, then its figures, and below each what it shows in this run's
// numbers.
//
// Read next: comparison.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/draw/views.h"
#include "experiments/page/html.h"
#include "experiments/page/reference.h"
#include "experiments/page/report_page.h"

namespace gradflow {
namespace {

constexpr std::string_view kAboutNormalizingFlow = R"html(
<p>A normalizing flow is an invertible function between noise and data. Being invertible, it knows
the density of a data point: that of its latent, times the factor by which the way from data to
noise stretches the space around it, log p<sub>y</sub> = log p<sub>z</sub> + log det. Here the
function is a chain of fifteen <dfn>couplings</dfn>. Each leaves one coordinate as it is and scales
and shifts the other by amounts that two small networks read off the first; a permutation of the
coordinates then decides which one moves next.</p>
)html";

constexpr std::string_view kAboutFlowMatching = R"html(
<p>Flow matching learns a velocity: a network that says, for every place and every time from 0 to 1,
where to go next. It is trained on straight lines. A noise point, a data point and a time are drawn;
the network is shown the place on the line between the two at that time and has to guess the line’s
direction. Many lines cross at every place, so the best guess is their mean, and the loss cannot
fall to zero. To make a sample, a noise point follows the velocity in steps of length <var>dt</var>
(Euler’s method); with the sign reversed, a data point goes back to its latent.</p>
)html";

constexpr std::string_view kAboutConditional = R"html(
<p>The same network, told which ring to aim for: each of the five colours gets ten numbers of its
own, learned along with the rest and fed in beside place and time. Its training set is drawn ring by
ring, the same number of points on each, evenly in radius and angle, and is not clipped by the box;
it is therefore not quite the set of the other two models.</p>
)html";

// ------------------------------------------------------------------------------- of all models

// Seed, cost, weights and options of one run, in small print.
std::string run_note(const Json& run) {
  if (run.is_null())
    return R"(<p class="missing">There is no run of this model in <code>report.json</code>.</p>)";
  std::vector<std::string> options;
  const Json settings = child(run, "options");
  if (settings.is_object())
    for (const auto& [name, setting] : settings.items())
      options.push_back(escape(name + " " + text(settings, name)));
  const Numbers lengths = numbers(run, "lengths");  // more than one if it went on for longer
  const std::size_t epochs =
      std::max(numbers(run, "loss").size(), numbers(run, "validation_nll").size());
  return fmt::format(
      R"(<p class="note"><b>This run.</b> {} parameters, {} epochs, trained in {}, {} steps a
second, seed {}, weights <code>{}</code>. Options: <code>{}</code>.{}{}</p>
)",
      fixed(number(run, "parameters"), 0), epochs, duration(number(run, "train_seconds")),
      fixed(number(run, "steps_per_second"), 0), escape(text(run, "seed")),
      escape(text(run, "weights_hash")), join(options, ", "),
      lengths.size() < 2
          ? ""
          : fmt::format(" It was begun for {} epochs and went on for {}: the result is "
                        "not that of {} from the start.",
                        fixed(first(lengths), 0), fixed(last(lengths), 0), fixed(last(lengths), 0)),
      epochs == author::epochs ? ""
                               : fmt::format(" The author trained for {} epochs: only the shape of "
                                             "things can be compared.",
                                             author::epochs));
}

std::string loss_text(const Numbers& loss, const ModelFacts& model) {
  const double end = last(loss);
  return fmt::format(
      R"(The loss is {} after the first epoch and {} after the last: {} from where the
author’s run ended ({:.3f}), {} from the floor ({:.4f}).{})",
      fixed(first(loss), 3), fixed(end, 3), with_sign(end - model.author, 3), model.author,
      with_sign(end - model.floor, 3), model.floor,
      end < model.floor - kLossNoise ? " No model should be below it: that is worth a look." : "");
}

std::string latents_text(const Json& run) {
  std::vector<std::string> texts;
  for (const double radius : radii(run)) texts.push_back(fixed(radius, 2));
  return fmt::format("From y<sub>1</sub> to y<sub>5</sub>, the latents lie {} from the origin.",
                     join(texts, ", "));
}

// --------------------------------------------------------------------------- 1: normalizing flow

std::string nf_loss_text(const Json& run) {
  const Numbers log_det = numbers(run, "log_det"), log_prior = numbers(run, "log_prior");
  return loss_text(numbers(run, "validation_nll"), kNormalizingFlow) +
         fmt::format(R"( Of the fall, {} is due to log det and {} to log p<sub>z</sub>. (In the
author’s run −log p<sub>z</sub> stayed between 2.77 and 2.89, and log det did the work.))",
                     fixed(last(log_det) - first(log_det), 3),
                     fixed(last(log_prior) - first(log_prior), 3));
}

// Three decimals for a likely point; of an unlikely one, two are more than enough.
std::string log_density(double x) { return fixed(x, x > -10 ? 3 : 2); }

std::string density_table(const Json& run) {
  const Numbers log_prob = column(run, "points", "log_prob");
  const Numbers log_prior = column(run, "points", "log_prior");
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < std::min(log_prob.size(), author::log_prob.size()); ++i)
    rows.push_back({point_name(i), coordinates(pairs(run, "points", "y")[i]),
                    strong(log_density(log_prob[i])), theirs(log_density(author::log_prob[i])),
                    strong(log_density(log_prior[i])), theirs(log_density(author::log_prior[i]))});
  return table("density-table",
               "The five points under the normalizing flow, in nats. Inliers lie on a ring, "
               "outliers do not.",
               {"Point", "y", "log p<sub>y</sub>", "Author", "log p<sub>z</sub>", "Author"}, rows);
}

std::string density_text(const Json& run) {
  const auto [inliers, outliers] = split(column(run, "points", "log_prob"));
  return fmt::format(R"(<p>A perfect model would give every point on the rings the same log-density,
{}; the three inliers have {} on average. From the least likely of them to the likeliest outlier it
falls by {} nats. How far is of little meaning: the model has never seen such points, and equally
good ones disagree by orders of magnitude.</p>
)",
                     fixed(-kNllFloor, 4), fixed(mean(inliers), 3),
                     fixed(smallest(inliers) - largest(outliers), 1));
}

// ------------------------------------------------------------------------------ 2: flow matching

std::string fm_loss_text(const Json& run) {
  const Numbers loss = numbers(run, "loss");
  const double range = kLinearFloor - kFlowMatchingFloor;
  return loss_text(loss, kFlowMatching) +
         fmt::format(R"( The curve looks flat because there is little to win: a velocity that is
linear in y already reaches {:.4f}, so all that is worth learning fits into {:.3f}, of which this
run has covered {}.)",
                     kLinearFloor, range, percent((kLinearFloor - last(loss)) / range));
}

// How share and spread change from the smallest step to the largest.
std::string step_size_text(const Json& run, const std::string& rule) {
  const Numbers dt = column(run, rule, "dt");
  const Numbers on_ring = column(run, rule, "on_ring"), spread = column(run, rule, "std");
  std::size_t harmless = 0;  // the steps up to which hardly anything is lost
  while (at(on_ring, harmless) > first(on_ring) - 0.02) ++harmless;
  const double limit = harmless > 0 ? at(dt, harmless - 1) : kAbsent;
  return fmt::format(R"(From dt = {} to {} the share on a ring goes from {} to {}, and the standard
deviation from {} to {}. Up to dt = {}, which is {} steps, the share stays within two points of the
first.)",
                     step(first(dt)), step(last(dt)), percent(first(on_ring)),
                     percent(last(on_ring)), fixed(first(spread), 2), fixed(last(spread), 2),
                     step(limit), fixed(1 / limit, 0));
}

// The number that was measured with steps of length dt.
double with_step(const Json& run, const std::string& rule, const std::string& key, double dt) {
  const Numbers steps = column(run, rule, "dt"), values = column(run, rule, key);
  for (std::size_t i = 0; i < steps.size(); ++i)
    if (std::abs(steps[i] - dt) < 1e-3 * dt) return values[i];
  return kAbsent;
}

// A lower bound if some of the samples were turned inside out.
std::string nats_of(double nats, double turned) {
  return (turned > 0 ? "≥ " : "") + fixed(std::abs(nats) < 5e-4 ? 0 : nats, 3);
}

std::string nats_text(const Json& run) {
  const Numbers dt = column(run, "euler", "dt"), nats = column(run, "euler", "nats");
  const Numbers turned = column(run, "euler", "turned");
  return fmt::format(
      R"(<p>What does a large step cost? One of Euler’s steps is a map of the plane, and
so it has a density of its own: along the way log det(I + dt J) is taken off, with J the derivative of
the velocity. Its distance from the density of the velocity itself, followed in small steps, is a
number of nats, KL(steps ‖ velocity): {} with dt = {}, {} with dt = {}. (A step that is too long turns
the plane inside out at some places, here for {} of the samples at most; other noise then ends there,
too, and the number is a lower bound.) The places are off by order dt, and the distance grows as dt², as
long as the steps are small.</p>
)",
      nats_of(first(nats), first(turned)), step(first(dt)), nats_of(last(nats), last(turned)),
      step(last(dt)), percent(largest(turned)));
}

std::string euler_table(const Json& run) {
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < author::dt.size(); ++i) {
    const auto mine = [&](const std::string& rule, const std::string& key) {
      return with_step(run, rule, key, author::dt[i]);
    };
    rows.push_back({step(author::dt[i]), strong(percent(mine("euler", "on_ring"))),
                    fixed(mine("euler", "std"), 2),
                    strong(nats_of(mine("euler", "nats"), mine("euler", "turned"))),
                    percent(mine("euler_right", "on_ring")), fixed(mine("euler_right", "std"), 2),
                    theirs(percent(author::on_ring[i])), theirs(fixed(author::spread[i], 2))});
  }
  return table("euler-table",
               "Euler’s method by step size: share of the samples on a ring, their standard "
               "deviation (1 would be right), and how many nats their density is from that of the "
               "velocity",
               {"dt", "Left rule", "std", "Nats", "Right rule", "std", "Author, left", "std"},
               rows);
}

std::string round_trip_text(const Json& run) {
  const Numbers dt = column(run, "round_trips", "dt");
  const Numbers error = column(run, "round_trips", "error");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < dt.size(); ++i)
    texts.push_back(fmt::format("{} at dt = {}", scientific(error[i]), step(dt[i])));
  return "A step forward uses the velocity where it starts, and so does a step back; as they start "
         "at opposite ends, they do not quite cancel. Mean distance from the start: " +
         join(texts, ", ") + ".";
}

std::string round_trip_table(const Report& report) {
  const Numbers nf = column(report.normalizing_flow, "points", "round_trip_error");
  const Numbers fm = column(report.flow_matching, "points", "round_trip_error");
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < std::max(nf.size(), fm.size()); ++i)
    rows.push_back({point_name(i), scientific(at(fm, i)), scientific(at(nf, i))});
  rows.push_back({"Mean", strong(scientific(mean(fm))), strong(scientific(mean(nf)))});
  return table("round-trip-table",
               "Round trip, to the latent and back: distance between where a point started and "
               "where it came back to",
               {"Point", "Flow matching", "Normalizing flow"}, rows);
}

// ------------------------------------------------------------------ 3: conditional flow matching

std::string own_ring_table(const Json& run) {
  const Numbers shares = own_rings(run);
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < kRings.size(); ++i)
    rows.push_back({fmt::format(R"(<span class="swatch" style="background:#{:06x}"></span>{})",
                                color_of(kRings[i]), kRings[i].name),
                    strong(percent(shares[i])), theirs(percent(author::own_ring[i]))});
  rows.push_back({"Mean", strong(percent(mean(shares))),
                  theirs(percent(mean({author::own_ring.begin(), author::own_ring.end()})))});
  return table("own-ring-table", "Share of the samples on the ring they were asked for",
               {"Ring", "This run", "Author"}, rows);
}

}  // namespace

std::string normalizing_flow_section(const Report& report) {
  const Json& run = report.normalizing_flow;
  std::string html = std::string(kAboutNormalizingFlow) + run_note(run);
  html += figure(report, "fig01_nf_validation_loss", nf_loss_text(run));
  html +=
      figure(report, "fig02_nf_samples",
             fmt::format(R"({} of the samples are on a ring and {} are within 0.05 of one (author:
{:.0f} and {:.0f} %). A continuous invertible map can stretch the plane thin but not tear it, so
some points are always left between the rings and inside them.)",
                         percent(number(run, "on_ring")), percent(number(run, "within_0.05")),
                         100 * author::nf_on_ring, 100 * author::nf_near_ring));
  html += fmt::format(R"(<p>{} and {}, the way of the noise through the layers, stand in the next
section, beside their counterparts in flow matching.</p>
)",
                      link("fig03_nf_layers"), link("fig04_nf_trajectories"));
  html += figure(report, "fig05_nf_inverse_trajectories", latents_text(run));
  return section("nf", "1 · Normalizing flow", html + density_table(run) + density_text(run));
}

std::string flow_matching_section(const Report& report) {
  const Json& run = report.flow_matching;
  std::string html = std::string(kAboutFlowMatching) + run_note(run);
  html += figure(report, "fig06_fm_loss", fm_loss_text(run));
  html += "<h3>Through layers and through time</h3>\n";
  html += side_by_side(
      figure(report, "fig03_nf_layers",
             fmt::format(R"(A coupling moves points along one axis only, so the cloud is sheared and
squeezed, not carried. Nothing in the loss cares what the panels in between look like; only the last
is asked to resemble the data, and {} of the samples end on a ring.)",
                         percent(share_on_ring(report.normalizing_flow)))),
      figure(report, "fig07_fm_samples_over_time",
             fmt::format(R"(By construction the cloud first draws together, to 0.71 of its width at
t = 1/2, and then spreads outwards into the rings. At the end {} of the points are on a ring.)",
                         percent(share_on_ring(run)))));
  html += side_by_side(
      figure(report, "fig04_nf_trajectories",
             R"(A layer moves a point along one axis, a permutation then mirrors it in the diagonal:
the path is a chain of leaps, and its middle says little about where it ends.)"),
      figure(report, "fig08_fm_trajectories",
             R"(Each path is made of many small steps along one velocity field and bends without
corners.)"));
  html += "<h3>The size of a step</h3>\n";
  html += side_by_side(
      figure(report, "fig09_fm_step_size", step_size_text(run, "euler")),
      figure(report, "extra_fm_step_size_right_end", step_size_text(run, "euler_right")));
  html += euler_table(run) + nats_text(run) + "<h3>There and back</h3>\n";
  html += side_by_side(figure(report, "fig10a_fm_inverse_trajectories", latents_text(run)),
                       figure(report, "fig10b_fm_round_trip", round_trip_text(run)));
  html += round_trip_table(report);
  html += figure(report, "extra_fm_bonus_point",
                 R"(A flow can be made to output any point one likes: follow the velocity backwards
from it, and the latent that leads there is found. The point (4, 5), in normalised coordinates, lies
far from all data, at about (8.4, 3.8) in the coordinates of the rings; the model has never been
trained near it, and back and forth it should still return, up to an error of order dt.)");
  return section("fm", "2 · Flow matching", html);
}

std::string conditional_section(const Report& report) {
  const Json& run = report.conditional;
  std::string html = std::string(kAboutConditional) + run_note(run);
  html += figure(report, "extra_cfm_loss",
                 loss_text(numbers(run, "loss"), kConditional) +
                     fmt::format(R"( Knowing the ring lowers the floor from {:.4f} to {:.4f}: the
directions that have to be guessed differ less.)",
                                 kFlowMatching.floor, kConditional.floor));
  html +=
      figure(report, "fig11_cfm_data",
             R"(The five colours are the five labels. Where rings cross, a point may carry either
colour: there, only the label says where it belongs.)");
  html += figure(report, "fig12_cfm_trajectories",
                 "All five follow the same network and differ in nothing but noise and label.");
  html += figure(
      report, "fig13_cfm_samples_over_time",
      fmt::format(R"(At the end {} of the samples are on the very ring they were asked for;
without the label, {} are on any ring.)",
                  percent(share_on_ring(run)), percent(share_on_ring(report.flow_matching))));
  return section("cfm", "3 · Conditional flow matching", html + own_ring_table(run));
}

}  // namespace gradflow
