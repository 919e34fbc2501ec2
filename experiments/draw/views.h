// From tensors to what figures are made of: clouds, paths, panels. Shared by the experiments, so
// that figures of different models can be laid side by side.
#pragma once

#include <string>
#include <vector>

#include "experiments/data/rings.h"
#include "experiments/draw/figure.h"
#include "experiments/metrics/density.h"
#include "tensor/tensor.h"

namespace gradflow {

// Limits shared by figures that are to be compared: of clouds that begin as noise, of trajectories,
// and of points on the rings.
inline const Limits kNoiseLimits{{-3.7, 3.7}, {-3.7, 3.7}};
inline const Limits kPathLimits{{-2.9, 2.9}, {-2.9, 2.9}};
inline const Limits kRingLimits{{-2.4, 2.4}, {-2.4, 2.4}};

Points2 to_points(const Tensor& points);  // (N, 2)

// A density on a grid (metrics/density.h), as colour.
Panel density_panel(std::string title, const DensityGrid& grid, std::vector<double> density);

// Up to 3000 of the data's points (N, 2), to stand faintly behind trajectories.
Cloud background(const Tensor& data);

// The way of each point through a list of states, all (B, 2); state k is visited at times[k].
std::vector<Trail> paths(const std::vector<Tensor>& states, const std::vector<double>& times);

// `count` numbers, evenly spaced from `first` to `last`.
std::vector<double> evenly(double first, double last, std::size_t count);

// What its name says. Class ids are alphabetical and the flag is not, so nobody counts.
Color color_of(const Ring& ring);

// Names y1 to y5 beside the report's five points.
std::vector<Label> five_labels();

// The loss of flow matching over the epochs, and the lowest value that it can have.
LineFigure matching_loss_figure(std::string name, std::string title,
                                const std::vector<double>& losses, double floor);

std::vector<double> epoch_numbers(std::size_t count);  // 1, 2, ..., count

}  // namespace gradflow
