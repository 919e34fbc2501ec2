// What a run is measured against, and the figures of the page: plain data.
//
// The idea: whatever can be looked up beforehand stands here, whatever a run measured in
// report_data.h; the prose brings the two together.
//
// Read next: models.cpp.
#pragma once

#include <array>
#include <string_view>

#include "experiments/data/rings.h"
#include "experiments/page/report_data.h"

namespace gradflow {

inline constexpr std::size_t kInliers = 3;  // y1..y3 lie on the rings, y4 and y5 do not

inline constexpr double kLossNoise = 0.006;  // losses closer than this are level
inline constexpr double kRounding = 1e-4;    // what float32 may lose over thirty layers and back
inline constexpr double kOrderDt = 3e-2;     // what Euler's method may lose at dt = 1/1000: 30 dt

struct ModelFacts {
  std::string_view name;
  double floor;   // no model does better in the long run
  double author;  // the final loss that the report's author published
};
inline constexpr ModelFacts kNormalizingFlow{"Normalizing flow", kNllFloor, 1.958};
inline constexpr ModelFacts kFlowMatching{"Flow matching", kFlowMatchingFloor, 1.497};
inline constexpr ModelFacts kConditional{"Conditional flow matching", kConditionalFlowMatchingFloor,
                                         0.881};
inline constexpr double kLinearFloor = 1.5708;  // flow matching, with a velocity linear in y

// What the author measured.
namespace author {

inline constexpr std::size_t epochs = 20;
inline constexpr std::array log_prob{-1.717, -1.811, -1.784, -19.98, -13.41};   // of the points
inline constexpr std::array log_prior{-2.436, -3.034, -2.035, -21.34, -15.35};  // likewise
inline constexpr double nf_on_ring = .78, nf_near_ring = .88;                   // near: within 0.05
inline constexpr double round_trip = 2.8e-3;  // of flow matching, dt = 1/1000
inline constexpr std::array dt{.001, .002, .02, .05, .1, .2, 1. / 3};
inline constexpr std::array on_ring{.774, .784, .775, .761, .729, .649, .492};  // at these dt
inline constexpr std::array spread{1.00, kAbsent, .98, .96, .91, .81, .67};     // likewise
inline constexpr std::array own_ring{.927, .912, .926, .903, .946};  // in the order of kRings

}  // namespace author

// A figure of the page. `stem` is that of its file, and the anchor of a link to it.
struct FigureText {
  std::string_view stem, name, caption, alt;
};

inline constexpr std::array<FigureText, 25> kFigures{{
    {"fig01_nf_validation_loss", "Figure 1",
     "Normalizing flow: the validation loss, the sum of −log det and −log p<sub>z</sub>.",
     "Line plot of three losses over the epochs."},
    {"fig02_nf_samples", "Figure 2", "Normalizing flow: 1000 samples for each of three seeds.",
     "Three scatter plots of generated points in the shape of the five rings."},
    {"fig03_nf_layers", "Figure 3",
     "Normalizing flow: 1000 noise points, the prior and after every fifth of the layers.",
     "Six scatter plots, from a round cloud of noise to the rings, layer by layer."},
    {"fig04_nf_trajectories", "Figure 4",
     "Normalizing flow: ten noise points, layer by layer; dark marks for noise, yellow for data.",
     "Ten broken paths through the plane that end on the rings."},
    {"fig05_nf_inverse_trajectories", "Figure 5",
     "Normalizing flow: the five points taken back to their latents, layer by layer.",
     "Five broken paths from the given points back into the latent space."},
    {"fig06_fm_loss", "Figure 6", "Flow matching: the training loss, epoch means.",
     "Line plot of the training loss over the epochs, with its floor."},
    {"fig07_fm_samples_over_time", "Figure 7",
     "Flow matching: 1000 samples at t = 0, 0.2, 0.4, 0.6, 0.8 and 1, from the same noise.",
     "Six scatter plots, from a round cloud of noise to the rings, over time."},
    {"fig08_fm_trajectories", "Figure 8",
     "Flow matching: ten samples over time; dark marks for t = 0, yellow for t = 1.",
     "Ten smooth paths through the plane that end on the rings."},
    {"fig09_fm_step_size", "Figure 9",
     "Flow matching: the same noise with dt = 0.002, 0.02, 0.05, 0.1, 0.2 and 1/3, left rule.",
     "Six scatter plots; the larger the step, the less is left of the rings."},
    {"extra_fm_step_size_right_end", "Figure 9, the other rule",
     "The same noise and steps, the velocity of each step taken at its right end.",
     "Six scatter plots of the same steps with the right rule."},
    {"fig10a_fm_inverse_trajectories", "Figure 10 a",
     "Flow matching: the five points taken back to t = 0.",
     "Five smooth paths from the given points back into the latent space."},
    {"fig10b_fm_round_trip", "Figure 10 b", "Forward again, from where the points of 10 a ended.",
     "Five smooth paths from the latents forward to the given points."},
    {"extra_fm_bonus_point", "Bonus figure",
     "Flow matching made to output the point (4, 5): back to its latent, then forward again.",
     "A path from the point (4, 5) back to the latent space, and one forward again."},
    {"extra_cfm_loss", "Extra figure", "Conditional flow matching: the training loss, epoch means.",
     "Line plot of the training loss over the epochs, with its floor."},
    {"fig11_cfm_data", "Figure 11",
     "Conditional flow matching: 3000 points of the training set, in the colours of the rings.",
     "Scatter plot of the five rings, each in its own colour."},
    {"fig12_cfm_trajectories", "Figure 12",
     "Conditional flow matching: a path a ring, its marks coloured by time, the data faint behind.",
     "Five paths, each ending on the ring of its colour."},
    {"fig13_cfm_samples_over_time", "Figure 13",
     "Conditional flow matching: 600 samples a ring at t = 0, 0.2, 0.4, 0.6, 0.8 and 1.",
     "Six scatter plots of coloured points, from one mixed cloud to five rings."},
    {"extra_animation", "Animation",
     "The same noise carried onto the rings by both models: through the couplings, and along t.",
     "Two clouds of noise, in five colours, that turn into the five rings."},
    {"extra_nf_grid", "Grid",
     "Normalizing flow: a square grid in the space of the noise, warped by the couplings.",
     "A regular grid that is sheared and folded, in six panels, into the shape of the rings."},
    {"extra_fm_velocity", "Velocity",
     "Flow matching: the velocity at six times, over 2500 points on their way.",
     "Six fields of arrows: first all point inwards, in the end outwards, to the rings."},
    {"extra_density", "Density",
     "The density of the data and those that the two models have learned, in one colour scale.",
     "Three heat maps: even bands in the shape of the rings, and two approximations of them."},
    {"extra_fm_lines_and_paths", "Lines and paths",
     "Flow matching: what training draws, what the network makes of it, what sampling follows.",
     "Crossing straight lines; lines through one place with their mean; curved paths."},
    {"extra_losses", "Losses",
     "What is left to win: each model’s loss less its floor, on a logarithmic scale.",
     "Line plot of three distances to the floor that fall over the epochs."},
    {"extra_spline_density", "Splines",
     "The density of the data, that of the report’s affine couplings, and that of spline "
     "couplings, "
     "in one colour scale.",
     "Heat maps: even bands in the shape of the rings, a blurred and a sharp approximation."},
    {"extra_spline_loss", "Splines, loss",
     "The validation loss with splines and with affine maps, and the floor of both.",
     "Line plot of two losses that fall over the epochs, one to near the floor."},
}};

}  // namespace gradflow
