// Section 5 of the report page: pictures that explain, drawn by the program `explain`.
//
// The idea: a picture, what it shows, and how to read it, with this run's numbers where it has any.
#include <fmt/format.h>

#include <cmath>

#include "experiments/page/html.h"
#include "experiments/page/reference.h"
#include "experiments/page/report_page.h"

namespace gradflow {
namespace {

constexpr std::string_view kBeyondIntroduction = R"html(
<p>Six more pictures of the same three models, to see with one’s own eyes what they do.</p>
)html";

constexpr std::string_view kAnimation = R"html(A point has the colour of the ring that it ends
nearest to, so the first frame shows which part of the noise each model has set aside for which
ring; the two models do not agree on it. The normalizing flow moves all points along one axis, then
all along the other, fifteen times; the swaps of the two axes in between are undone for the eye, and
between couplings the points glide, though the model itself leaps. In flow matching the time t runs
evenly, and the rings take shape only in the last third of it.)html";

constexpr std::string_view kGrid =
    R"html(The lines are drawn where 96 % of the noise is, coloured by
how far from the middle it began. What is dense ends as narrow bundles, what is thin is stretched,
and no line ever crosses itself: a coupling can shear, squeeze and stretch, but neither fold nor
tear. So the holes of the rings are pushed open from outside, and a membrane is left wherever a ring
would have to be cut. The swaps of the axes are undone for the eye.)html";

constexpr std::string_view kVelocity = R"html(At t = 0 the place says nothing about the data point
that a line leads to, so the best guess is the mean of them all, the origin: v(y, 0) = −y, every arrow
points inwards. The later it is, the more the place gives away. Around t = 0.6 the middle of the cloud
begins to flow outwards, and close to t = 1 the arrows on either side of a ring point at it.)html";

constexpr std::string_view kLosses = R"html(The floors are the least that any model could reach, so
what is plotted is the part of the loss that a better model could still win. A curve that falls in
a straight line here would have its distance to the floor divided by the same factor in each epoch.
The units differ: nats for the normalizing flow, squared velocity for the other two.)html";

std::string density_caption(const Json& beyond) {
  const Numbers kl = column(beyond, "density", "kl"), nll = column(beyond, "density", "nll");
  return fmt::format(
      R"(The data have the same density everywhere on the rings, and none elsewhere. Both models
know the density of every point. The normalizing flow reads it off its layers; for flow matching it
is the prior’s density at the latent, less the divergence of the velocity summed up along the way,
d log p / dt = −div v, with the divergence by automatic differentiation. Added up over the frame, a
density has to give 1, less what lies outside: the first two columns of the table agree if it was
computed rightly. The mean of −log p over the exact density is the NLL, {} for the normalizing flow
and {} for flow matching, although flow matching was never asked to make points likely; less the
floor it is the divergence KL(data ‖ model), {} and {} nats.)",
      fixed(at(nll, 0), 3), fixed(at(nll, 1), 3), fixed(at(kl, 0), 3), fixed(at(kl, 1), 3));
}

std::string divergence_table(const Json& beyond) {
  const auto column_of = [&](const char* key) { return column(beyond, "density", key); };
  const Numbers mass = column_of("mass"), sampled = column_of("samples_inside");
  const Numbers nll = column_of("nll"), kl = column_of("kl");
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < mass.size(); ++i)
    rows.push_back({std::string(i == 0 ? kNormalizingFlow.name : kFlowMatching.name),
                    fixed(at(mass, i), 4), fixed(at(sampled, i), 4), strong(fixed(at(nll, i), 3)),
                    theirs(fixed(kNllFloor, 4)), strong(fixed(at(kl, i), 3))});
  return table("mass-table", "The two densities, summed over the cells of the heat map",
               {"Model", "Mass inside", "Samples inside", "NLL", "Floor", "KL"}, rows);
}

std::string lines_text(const Json& beyond) {
  const Json velocity = child(beyond, "velocity");
  const auto pair = [&](const char* key) {
    const Numbers v = numbers(velocity, key);
    return coordinates({at(v, 0), at(v, 1)});
  };
  return fmt::format(
      R"(Left: training draws a noise point, a data point and the straight line between them; such
lines cross everywhere. Middle: all the lines drawn here are at {} at t = {}, but lead to different
places; the network, asked for the one that minimises the squared error, learns the mean of their
velocities. Over the whole data set that mean is {}, and the network says {}; the arrows end at the
mean of the lines’ ends. Right: from the same noise as on the left, the paths that follow these means.
They cannot cross, as a place and a time have but one velocity, and so they have to bend.)",
      pair("place"), fixed(number(velocity, "t"), 2), pair("mean_of_lines"), pair("network"));
}

// --- A flow with splines -------------------------------------------------------------------------

constexpr std::string_view kSplines = R"html(<h3>Splines instead of affine maps</h3>
<p>The report’s flow is far from its floor, and not for want of training: a coupling that shifts and
stretches moves the two sides of a gap together, and can make the gap only by pulling it thin over
many layers. If each coupling bends its coordinate by a rising curve of 32 pieces instead, with
networks of its own for the knots, one of them can part a bell in two. All else is as it was: the
data, the number of steps, the batches.</p>
)html";

std::string spline_density_text(const Report& report) {
  const double affine = last(numbers(report.normalizing_flow, "validation_nll"));
  const double spline = last(numbers(report.spline, "validation_nll"));
  return fmt::format(
      R"(With affine maps {} nats are left above the floor of {}, with splines {}; {} of the samples
are on a ring, instead of {}.)",
      fixed(affine - kNllFloor, 3), theirs(fixed(kNllFloor, 4)), fixed(spline - kNllFloor, 3),
      percent(number(report.spline, "on_ring")),
      percent(number(report.normalizing_flow, "on_ring")));
}

std::string exact_log_density(double x) { return std::isfinite(x) ? fixed(x, 3) : "−∞"; }

std::string spline_table(const Report& report) {
  const Numbers spline = column(report.spline, "points", "log_prob");
  const Numbers affine = column(report.normalizing_flow, "points", "log_prob");
  const Numbers exact = column(report.spline, "points", "exact_log_prob");
  const Numbers matching = column(report.flow_matching, "points", "log_prob");
  const Numbers error = column(report.flow_matching, "points", "log_prob_error");
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < spline.size(); ++i)
    rows.push_back({point_name(i), theirs(exact_log_density(at(exact, i))), fixed(at(affine, i), 3),
                    strong(fixed(spline[i], 3)),
                    fmt::format("{} ± {}", fixed(at(matching, i), 3), fixed(at(error, i), 3))});
  return table("spline-table",
               "log p of the five points: exactly, by the report’s flow, with splines, and by flow "
               "matching (± what half the solver’s step changes)",
               {"Point", "Exact", "Affine couplings", "Spline couplings", "Flow matching"}, rows);
}

std::string spline_part(const Report& report) {
  if (report.spline.is_null()) return "";
  return std::string(kSplines) +
         figure(report, "extra_spline_density", spline_density_text(report)) +
         spline_table(report) +
         figure(report, "extra_spline_loss",
                "Both are validated on the same 50 000 points, which neither was trained on.");
}

}  // namespace

std::string beyond_section(const Report& report) {
  const Json& beyond = report.beyond;
  return section("beyond", "5 · Beyond the report",
                 std::string(kBeyondIntroduction) + figure(report, "extra_animation", kAnimation) +
                     side_by_side(figure(report, "extra_nf_grid", kGrid),
                                  figure(report, "extra_fm_velocity", kVelocity)) +
                     figure(report, "extra_density", density_caption(beyond)) +
                     divergence_table(beyond) +
                     figure(report, "extra_fm_lines_and_paths", lines_text(beyond)) +
                     figure(report, "extra_losses", kLosses) + spline_part(report));
}

}  // namespace gradflow
