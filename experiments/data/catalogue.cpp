#include "experiments/data/catalogue.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "experiments/data/arcs.h"
#include "experiments/data/checkerboard.h"
#include "experiments/data/gaussians.h"
#include "experiments/data/graphs.h"
#include "experiments/data/moons.h"
#include "experiments/data/picture.h"
#include "experiments/data/rings.h"
#include "experiments/data/smeared_moons.h"
#include "experiments/data/spirals.h"
#include "tensor/error.h"

namespace gradflow {
namespace {

const Point2 kStay{0, 0};

std::vector<Entry> made() {
  // torchcfm passes sqrt(0.1) where a covariance is wanted: its deviation is the fourth root.
  const double fourth_root = std::sqrt(std::sqrt(0.1));
  return {
      {"rings", rings, "the Olympic rings, uniform on their union"},
      {"moons", [] { return moons(); }, "two moons, noise 0.1"},
      {"circles", [] { return scaled(circles(0.5, 0.08), 3, kStay, ""); },
       "two circles, radii 3 and 1.5 (FFJORD)"},
      {"concentric_rings", concentric_rings, "four circles around each other (FFJORD's rings)"},
      {"eight_gaussians", [] { return eight_gaussians(4 / 1.414, 0.5 / 1.414); },
       "eight Gaussians on a circle (FFJORD)"},
      {"pinwheel", pinwheel, "five arms around the middle (FFJORD)"},
      {"two_spirals", two_spirals, "two spirals, half a turn apart (FFJORD)"},
      {"swiss_roll", swiss_roll, "a spiral (FFJORD)"},
      {"s_curve", [] { return scaled(s_curve(0.05), 1.5, kStay, ""); }, "an S, noise 0.075"},
      {"checkerboard", checkerboard, "eight squares of a board (FFJORD)"},
      {"crescent", crescent, "a parabola (Neural Spline Flows)"},
      {"crescent_cubed", crescent_cubed, "a cubic (Neural Spline Flows)"},
      {"sine", sine, "a sine (Neural Spline Flows)"},
      {"abs", absolute, "a bent line (Neural Spline Flows)"},
      {"sign", sign, "a broken line (Neural Spline Flows)"},
      {"four_circles", four_circles, "four circles that cross (Neural Spline Flows)"},
      {"diamond", diamond, "400 Gaussians (Neural Spline Flows)"},
      {"smeared_moons",
       [] {
         return scaled(smeared_moons(), 3, {-1, -1}, "");
       },
       "two moons, smeared along a diagonal (torchdyn)"},
      {"rings_by_class", rings_by_class, "the Olympic rings, with their colours", "rings"},
      {"moons_narrow", [] { return moons(0.05); }, "noise 0.05", "moons"},
      {"moons_wide", [] { return moons(0.2); }, "noise 0.2", "moons"},
      {"moons_torchcfm",
       [] {
         return scaled(moons(0.05), 2, {-1, 0}, "");
       },
       "noise 0.05, in torchcfm's units", "moons"},
      {"moons_ffjord",
       [] {
         return scaled(moons(0.1), 2, {-1, -0.2}, "");
       },
       "noise 0.1, in FFJORD's units", "moons"},
      {"circles_narrow", [] { return circles(0.4, 0.06); }, "radii 1 and 0.4, noise 0.06",
       "circles"},
      {"eight_gaussians_torchcfm", [=] { return eight_gaussians(5, fourth_root); },
       "radius 5, deviation 0.56", "eight_gaussians"},
      {"eight_gaussians_wide", [] { return eight_gaussians(5, 1); }, "radius 5, deviation 1",
       "eight_gaussians"},
      {"eight_gaussians_far", [] { return eight_gaussians(12, 1.5); }, "radius 12, deviation 1.5",
       "eight_gaussians"},
      {"s_curve_wide", [] { return s_curve(0.1); }, "noise 0.1", "s_curve"},
      {"checkerboard_fair", [] { return scaled(checkerboard(), 0.5 / 0.45, kStay, ""); },
       "in the units of FAIR's flow_matching", "checkerboard"},
      {"checkerboard_far", [] { return scaled(checkerboard(), 3.75, kStay, ""); },
       "in the units of torchcfm's runner", "checkerboard"},
  };
}

std::vector<std::string> names(bool copies_too) {
  std::vector<std::string> result;
  for (const Entry& entry : catalogue())
    if (copies_too || entry.copy_of.empty()) result.push_back(entry.name);
  return result;
}

}  // namespace

const std::vector<Entry>& catalogue() {
  static const std::vector<Entry> all = made();
  return all;
}

std::vector<std::string> all_sets() { return names(true); }
std::vector<std::string> distinct_sets() { return names(false); }

DataSet data_set(const std::string& name) {
  if (is_picture(name)) return picture(name);
  const auto entry = std::find_if(catalogue().begin(), catalogue().end(),
                                  [&](const Entry& e) { return e.name == name; });
  require<Error>(entry != catalogue().end(),
                 "data_set: {} given; {} is required, or a picture (a file *.png or *.pgm)", name,
                 fmt::format("{}", fmt::join(all_sets(), ", ")));
  DataSet set = entry->make();
  set.name = name;
  return set;
}

}  // namespace gradflow
