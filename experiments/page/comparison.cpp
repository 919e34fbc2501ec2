// Section 4 of the report page: the two families of flows compared.
//
// The idea: each conclusion of the report is a claim, put to the numbers of this run. The verdict
// is computed, so a claim that the numbers do not bear out says so.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/page/html.h"
#include "experiments/page/reference.h"
#include "experiments/page/report_page.h"

namespace gradflow {
namespace {

// `needed` is NaN unless all the numbers were measured that the claim needs.
std::string verdict(double needed, bool holds) {
  if (!std::isfinite(needed)) return R"(<p class="verdict">not measured in this run</p>)";
  return holds ? R"(<p class="verdict holds">✓ holds in this run</p>)"
               : R"(<p class="verdict fails">✗ does not hold in this run</p>)";
}

std::string claim(std::string_view title, std::string_view verdict, std::string_view evidence) {
  return fmt::format("<article>\n<h3>{}</h3>\n{}\n<p>{}</p>\n</article>\n", title, verdict,
                     evidence);
}

std::string smooth_or_broken() {
  return claim(
      "One flow glides, the other leaps", R"(<p class="verdict">to be seen in the figures</p>)",
      fmt::format(R"(In {} points move smoothly, the cloud opening from the inside out; in {}
a path is cut into thirty pieces, fifteen couplings and fifteen permutations, and its states in
between belong to no distribution in particular. The samples over time ({}) and through the layers
({}) tell the same of the whole cloud.)",
                  link("fig08_fm_trajectories"), link("fig04_nf_trajectories"),
                  link("fig07_fm_samples_over_time"), link("fig03_nf_layers")));
}

// The distances between the two latents of each point.
Numbers apart(const Report& report) {
  const auto nf = pairs(report.normalizing_flow, "points", "z");
  const auto fm = pairs(report.flow_matching, "points", "z");
  Numbers result;
  for (std::size_t i = 0; i < std::min(nf.size(), fm.size()); ++i)
    result.push_back(std::hypot(nf[i][0] - fm[i][0], nf[i][1] - fm[i][1]));
  return result;
}

std::string two_latents(const Report& report) {
  const double least = smallest(apart(report)), most = largest(apart(report));
  return claim("One point has a latent in each model, and they differ", verdict(least, least > 0.1),
               fmt::format(R"(The two latents of a point lie {} apart at least and {} at most (table
below). Neither model is wrong: infinitely many maps turn the normal distribution into the rings,
and training picks one of them.)",
                           fixed(least, 2), fixed(most, 2)));
}

std::string near_or_far(const Report& report) {
  const auto [nf_inliers, nf_outliers] = split(radii(report.normalizing_flow));
  const auto [fm_inliers, fm_outliers] = split(radii(report.flow_matching));
  const double nf_near = largest(nf_inliers), nf_far = smallest(nf_outliers);
  const double fm_near = largest(fm_inliers), fm_far = smallest(fm_outliers);
  return claim(
      "Inliers land near the origin of the latent space, outliers far from it",
      verdict(nf_near + nf_far + fm_near + fm_far, nf_near < nf_far && fm_near < fm_far),
      fmt::format(R"(Normalizing flow: inliers within {} of it, outliers {} away or more.
Flow matching: inliers within {}, outliers {} away or more. For scale: 95 % of the noise lies within
2.45 of the origin, so an outlier far beyond that is a point the model would hardly ever draw.)",
                  fixed(nf_near, 2), fixed(nf_far, 2), fixed(fm_near, 2), fixed(fm_far, 2)));
}

std::string large_steps(const Report& report) {
  const Numbers dt = column(report.flow_matching, "euler", "dt");
  const Numbers on_ring = column(report.flow_matching, "euler", "on_ring");
  const double lost = first(on_ring) - last(on_ring);
  return claim(
      "A large step loses the rings", verdict(lost, lost > 0.05),
      fmt::format(R"({} of the samples are on a ring with dt = {}, {} with dt = {}: a step is
straight, and the larger it is, the further it can run past the bends of the path. The normalizing
flow has no such choice to make: its layers are what they are.)",
                  percent(first(on_ring)), step(first(dt)), percent(last(on_ring)),
                  step(last(dt))));
}

std::string time_rule(const Report& report) {
  const auto growth = [&report](const std::string& rule) {
    const Numbers spread = column(report.flow_matching, rule, "std");
    return last(spread) - first(spread);
  };
  const double left = growth("euler"), right = growth("euler_right");
  return claim("Left rule: the samples shrink to the mean. Right rule: the rings blow up",
               verdict(left + right, left < -0.02 && right > 0.02),
               fmt::format(
                   R"(From the smallest to the largest dt, the standard deviation changes by {}
with the left rule and by {} with the right one.
The report contradicts itself here. Its text says that a larger dt draws the
samples to the mean, as the left rule does, v(y, t) for the step from t to t + dt; its figure
shows rings that grow, as they do under the right rule, v(y, t + dt). This page takes the left rule
as the standard one and shows both ({}).)",
                   with_sign(left, 2), with_sign(right, 2), link("fig09_fm_step_size")));
}

std::string round_trip(const Report& report) {
  const double nf = largest(column(report.normalizing_flow, "points", "round_trip_error"));
  const double fm = mean(column(report.flow_matching, "points", "round_trip_error"));
  return claim(
      "There and back: exact for one, of order dt for the other",
      verdict(nf + fm, nf < kRounding && fm < kOrderDt),
      fmt::format(R"(The normalizing flow returns its worst point to within {}; up to {} would
be rounding. Flow matching misses by {} on average ({} in the author’s run, dt = 1/1000). Euler’s
method is of first order in dt: a tenth of the step, a tenth of the error ({}).)",
                  scientific(nf), scientific(kRounding), scientific(fm),
                  scientific(author::round_trip), link("fig10b_fm_round_trip")));
}

// Of each model: the cost of its map over the least.
Numbers times_the_least(const Report& report) {
  const Numbers cost = column(report.beyond, "transport", "cost");
  const Numbers least = column(report.beyond, "transport", "least");
  Numbers result;
  for (std::size_t i = 0; i < cost.size(); ++i) result.push_back(cost[i] / at(least, i));
  return result;
}

std::string shorter_way(const Report& report) {
  const Numbers times = times_the_least(report);
  const double nf = at(times, 0), fm = at(times, 1);
  return claim(
      "Flow matching moves the noise less far", verdict(nf + fm, fm < nf),
      fmt::format(R"(A map from noise to data has a cost: the mean squared distance between a noise
point and what it becomes. The least has the map of optimal transport, which neither model was asked
for. With the same noise and the same ends, joined in the best way, it would be less: the normalizing
flow’s is {} times that, flow matching’s {} times (table below). Straight lines, averaged, stay near
the shortest ways; a likelihood does not care who goes where.)",
                  fixed(nf, 1), fixed(fm, 3)));
}

std::string transport_table(const Report& report) {
  const Numbers cost = column(report.beyond, "transport", "cost");
  const Numbers least = column(report.beyond, "transport", "least");
  const Numbers times = times_the_least(report);
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < cost.size(); ++i)
    rows.push_back({i == 0 ? "Normalizing flow" : "Flow matching", strong(fixed(cost[i], 4)),
                    theirs(fixed(at(least, i), 4)), fixed(times[i], i == 0 ? 1 : 3)});
  return table(
      "transport-table",
      "Mean squared distance from 2000 noise points to what they become, and the least for "
      "these very points and ends, by an exact assignment",
      {"Model", "Its map", "The best one", "Times"}, rows);
}

std::string latent_table(const Report& report) {
  const auto nf = pairs(report.normalizing_flow, "points", "z");
  const auto fm = pairs(report.flow_matching, "points", "z");
  const auto place = [](const auto& z, std::size_t i) {
    return i < z.size() ? coordinates(z[i]) : "–";
  };
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < std::max(nf.size(), fm.size()); ++i)
    rows.push_back({point_name(i), place(nf, i), fixed(at(radii(report.normalizing_flow), i), 2),
                    place(fm, i), fixed(at(radii(report.flow_matching), i), 2),
                    fixed(at(apart(report), i), 2)});
  return table("latent-table", "The latents of the five points under both models",
               {"Point", "z, normalizing flow", "|z|", "z, flow matching", "|z|", "Apart"}, rows);
}

}  // namespace

std::string comparison_section(const Report& report) {
  return section("comparison", "4 · The two families compared",
                 R"(<p>What the report concludes, each claim put to the numbers of this run. A claim
that they do not bear out says so.</p>
)" + smooth_or_broken() +
                     two_latents(report) + near_or_far(report) + large_steps(report) +
                     time_rule(report) + round_trip(report) + shorter_way(report) +
                     latent_table(report) + transport_table(report));
}

}  // namespace gradflow
