// What every bijection must do, from one table: undo itself, know its determinant, use its context,
// learn, be copied, moved and saved.
//
// To see whether a bijection or a univariate map that was just added is right: give it a row in
// rows() and build the target `tables`.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>
#include <numbers>
#include <regex>
#include <set>

#include "autograd/gradcheck.h"
#include "flows/autoregressive.h"
#include "flows/base/uniform.h"
#include "flows/continuous.h"
#include "flows/coupling.h"
#include "flows/elementwise.h"
#include "flows/linear/actnorm.h"
#include "flows/linear/householder.h"
#include "flows/linear/lu.h"
#include "flows/linear/permutation.h"
#include "flows/linear/rotation.h"
#include "flows/linear/standardize.h"
#include "flows/recipes.h"
#include "flows/residual/planar.h"
#include "flows/residual/radial.h"
#include "flows/univariate/additive.h"
#include "flows/univariate/affine.h"
#include "flows/univariate/circular.h"
#include "flows/univariate/rational_quadratic.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/flows/reckoned.h"
#include "tests/model.h"
#include "tests/tables/declared_ops.h"
#include "tests/tables/registry.h"

namespace gradflow {
namespace {

using std::numbers::pi;

// The parameters of splines and of matrices: so that nothing is so flat that the way back magnifies
// roundings a hundred times.
constexpr real kMild = real(0.3);

// Networks with tanh between their layers. The default has kinks, and a numeric derivative that
// reaches over one is wrong, in float often.
ConditionerOptions smooth(Index context = 0, std::vector<Index> hidden = {8}, Index blocks = 0) {
  return {.hidden = std::move(hidden),
          .blocks = blocks,
          .activation = activations::tanh,
          .start_as_identity = false,
          .context = context};
}

struct MapRow {
  std::string type;        // the name of the class
  std::string what;        // of it
  std::string univariate;  // the map that it is conditioned with, if it is
  std::function<AnyBijection(Rng&)> make;
  bool keeps_volume = false;
  bool double_only = false;  // has kinks, or bends too much for the wide differences of float
  double solver_error = 0;   // by how much its two directions may miss each other
  real size = real(0.6);     // of its parameters: N(0, size^2)
  bool of_angles = false;    // points are between -pi and pi, on both sides
};

struct NamedMap {
  std::string name;
  Univariate map;
  bool keeps_volume = false;
  bool double_only = false;
  real size = real(0.6);
  Index most = 9;  // coordinates
  bool of_angles = false;
};

// Each univariate map, in each conditioner, over many dimensions, with a context and without.
void add_conditioned(std::vector<MapRow>& rows, const NamedMap& named) {
  const std::string& name = named.name;
  const Univariate& map = named.map;
  const auto add = [&](const char* type, const std::string& what, auto make) {
    rows.push_back({.type = type,
                    .what = name + ", " + what,
                    .univariate = name,
                    .make = make,
                    .keeps_volume = named.keeps_volume,
                    .double_only = named.double_only,
                    .size = named.size,
                    .of_angles = named.of_angles});
  };
  for (Index dim = 1; dim <= named.most; ++dim) {
    const std::string size = fmt::format("{} coordinates", dim);
    add("Elementwise", size, [=](Rng&) { return Elementwise(dim, map); });
    for (const Index context : {0, 2}) {
      const std::string all = size + fmt::format(", context {}", context);
      add("MaskedAutoregressive", all,
          [=](Rng& rng) { return MaskedAutoregressive(dim, map, smooth(context), rng); });
      if (dim >= 2)
        add("Coupling", all, [=](Rng& rng) { return Coupling(dim, map, smooth(context), rng); });
    }
  }
  for (const Index dim : {2, 3, 8}) {
    if (dim > named.most) break;
    const std::string size = fmt::format("{} coordinates, ", dim);
    for (const bool one : {false, true})
      for (const bool move : {false, true})
        add("Coupling", size + fmt::format("one network {}, kept move {}", one, move),
            [=](Rng& rng) {
              return Coupling(dim, map, smooth(2), rng, {.one_network = one, .move_kept = move});
            });
    for (const Index kept : {Index{1}, dim - 1})
      add("Coupling", size + fmt::format("{} kept", kept), [=](Rng& rng) {
        return Coupling(dim, map, smooth(), rng, {.kept = kept, .move_kept = true});
      });
    for (const Index context : {0, 2}) {
      const std::string known = size + fmt::format("context {}", context);
      add("Inverse", known, [=](Rng& rng) {
        return Inverse(MaskedAutoregressive(dim, map, smooth(context, {9, 8}), rng));
      });
      const ConditionerOptions residual = smooth(context, {8}, 2);
      add("Coupling", known + ", residual blocks",
          [=](Rng& rng) { return Coupling(dim, map, residual, rng); });
      rows.back().double_only = true;  // five layers bend too much for the differences of float
      add("MaskedAutoregressive", known + ", residual blocks",
          [=](Rng& rng) { return MaskedAutoregressive(dim, map, residual, rng); });
      rows.back().double_only = true;
    }
  }
}

void add_others(std::vector<MapRow>& rows) {
  for (Index dim = 1; dim <= 9; ++dim) {
    const std::string size = fmt::format("{} coordinates", dim);
    const auto permutation = [&](const std::string& what, auto make) {
      rows.push_back({.type = "Permutation",
                      .what = what + ", " + size,
                      .univariate = "",
                      .make = make,
                      .keeps_volume = true});
    };
    permutation("reversal", [=](Rng&) { return Permutation::reversal(dim); });
    permutation("rotation", [=](Rng&) { return Permutation::rotation(dim, dim / 2); });
    permutation("random", [=](Rng& rng) { return Permutation::random(dim, rng); });
    const auto linear = [&](const std::string& type, bool keeps_volume, auto make) {
      rows.push_back({.type = type,
                      .what = size,
                      .univariate = "",
                      .make = make,
                      .keeps_volume = keeps_volume});
      if (dim > 3) return;
      rows.push_back({.type = "Inverse",
                      .what = type + ", " + size,
                      .univariate = "",
                      .make = [=](Rng& rng) { return Inverse(make(rng)); },
                      .keeps_volume = keeps_volume});
    };
    linear("Lu", false, [=](Rng&) { return Lu(dim); });
    linear("ActNorm", false, [=](Rng&) { return ActNorm(dim); });
    linear("Radial", false, [=](Rng& rng) { return Radial(dim, rng); });
    linear("Planar", false, [=](Rng& rng) { return Planar(dim, rng); });
    if (dim >= 2) {
      linear("Rotation", true, [=](Rng&) { return Rotation(dim); });
      for (const Index mirrors : {2, 4})
        linear("Householder", true, [=](Rng& rng) { return Householder(dim, mirrors, rng); });
    }
    rows.push_back({.type = "Standardize", .what = size, .univariate = "", .make = [=](Rng& rng) {
                      return Standardize::of((100 + 5 * rng.normal({20, dim})).value());
                    }});
  }
}

AnyBijection mixture(Rng& rng) {
  return Chain{Coupling(3, affine(), smooth(), rng), Permutation({2, 0, 1}),
               Inverse(Coupling(3, affine(kInfinity), smooth(1, {}), rng)),
               Elementwise(3, additive()),
               Standardize(Tensor(Shape{3}, {1, 2, 3}), Tensor(Shape{3}, {2, 1, 0.5}))};
}

void add_chains(std::vector<MapRow>& rows) {
  const auto add = [&](const std::string& what, auto make, bool keeps_volume, bool double_only) {
    rows.push_back({.type = "Chain",
                    .what = what,
                    .univariate = "",
                    .make = make,
                    .keeps_volume = keeps_volume,
                    .double_only = double_only});
  };
  add("a mixture", mixture, false, false);
  add(
      "of one", [](Rng& rng) { return Chain{Coupling(2, affine(), smooth(), rng)}; }, false, false);
  add(
      "of chains",
      [](Rng& rng) {
        return Chain{mixture(rng), Inverse(mixture(rng))};
      },
      false, false);
  add(
      "that keeps volume",
      [](Rng& rng) {
        return Chain{Coupling(2, additive(), smooth(), rng), Permutation::reversal(2)};
      },
      true, false);
  for (const auto& [name, recipe] : kRecipes)
    for (const Index dim : {2, 3, 5})
      for (const Permuting permuting : {Permuting::alternate, Permuting::random, Permuting::lu}) {
        const bool spline = contains(name, "spline");
        const FlowOptions options{.layers = spline ? 2 : 4,
                                  .network = smooth(1),
                                  .permuting = permuting,
                                  .spline = {.bins = 3}};
        add(
            fmt::format("{}, {} coordinates, {}", name, dim, static_cast<int>(permuting)),
            [=, make = recipe](Rng& rng) { return make(dim, options, rng).bijection; }, false,
            true);
        if (spline || permuting == Permuting::lu) rows.back().size = kMild;
      }
  add(
      "the report's", [](Rng& rng) { return real_nvp(2, {.layers = 6}, rng).bijection; }, false,
      true);
}

void add_continuous(std::vector<MapRow>& rows) {
  for (const Index dim : {1, 2, 3})
    for (const Index context : {0, 2})
      for (const bool estimated : {false, true}) {
        if (estimated && dim > 1) continue;  // exact in one coordinate alone, where e^2 = 1
        rows.push_back(
            {.type = "Continuous",
             .what =
                 fmt::format("{} coordinates, context {}, estimated {}", dim, context, estimated),
             .univariate = "",
             .make =
                 [=](Rng& rng) {
                   VelocityNetwork network(
                       dim, {.hidden = {6}, .activation = activations::tanh, .context = context},
                       rng);
                   ContinuousOptions options{.steps = {12}};
                   if (estimated) options.probe = Tensor(Shape{1}, {-1});
                   return Continuous(std::move(network), options);
                 },
             .solver_error = 2e-4});
      }
}

// A new bijection, and a new univariate map, is added here; all tests then apply to it.
std::vector<MapRow> rows() {
  std::vector<MapRow> all;
  add_conditioned(all, {"affine", affine()});
  add_conditioned(all, {"affine", affine(real(0.5))});
  add_conditioned(all, {"affine", affine(kInfinity)});
  add_conditioned(all, {"composed_affine", composed_affine()});
  add_conditioned(all, {"additive", additive(), true});
  // Their second derivatives have steps. In a box that some of the points are outside of.
  const SplineOptions few{.bins = 3, .box = 2};
  add_conditioned(all, {.name = "rational_quadratic",
                        .map = rational_quadratic(few),
                        .double_only = true,
                        .size = kMild});
  add_conditioned(all, {.name = "composed_rational_quadratic",
                        .map = composed_rational_quadratic(few),
                        .double_only = true,
                        .size = kMild,
                        .most = 2});
  add_conditioned(all, {.name = "circular",
                        .map = circular(3),
                        .double_only = true,
                        .size = kMild,
                        .most = 4,
                        .of_angles = true});
  add_others(all);
  add_chains(all);
  add_continuous(all);
  all.push_back({.type = "Coupling",
                 .what = "by default",
                 .univariate = "affine",
                 .make = [](Rng& rng) { return Coupling(2, affine(), {}, rng); },
                 .double_only = true});
  return all;
}

void count(const char* check, const MapRow& row) { counted("bijections", check, row.type); }

bool can_differentiate(const MapRow& row) { return !row.double_only || sizeof(real) == 8; }

// A row's bijection with parameters drawn anew and away from 0, so that no log-scale is small. The
// points are of the usual size.
struct Example {
  explicit Example(const MapRow& row, std::uint64_t seed = 3, real smaller = 1)
      : name(row.type + ", " + row.what), bijection([&] {
          Rng rng(seed);
          return row.make(rng);
        }()) {
    randomize(parameters(bijection), smaller * row.size, seed);
    Rng rng(seed + 100);
    points = row.of_angles ? rng.uniform({16, dim()}, -3, 3) : rng.normal({16, dim()});
    context = bijection->context() > 0 ? Var(rng.normal({16, bijection->context()})) : no_context;
    // Standardize has its data far from 0.
    if (const auto* standardize = bijection.as<Standardize>())
      data = standardize->to_data(points).points.value();
    else
      data = points;
  }
  Index dim() const { return bijection->dim(); }
  Var context_of(Index begin, Index end) const {
    return bijection->context() > 0 ? Var(context.value().rows(begin, end)) : no_context;
  }

  std::string name;
  AnyBijection bijection;
  Tensor points, data;  // to begin with on the latent side, and on the other
  Var context = no_context;
};

enum class Way { to_latent, to_data };
constexpr Way kWays[] = {Way::to_latent, Way::to_data};

const Tensor& start(const Example& example, Way way) {
  return way == Way::to_latent ? example.data : example.points;
}

Mapped mapped(const Example& f, Way way, const Var& points, const Var& context,
              LogDet log_det = LogDet::yes) {
  return way == Way::to_latent ? f.bijection->to_latent(points, context, log_det)
                               : f.bijection->to_data(points, context, log_det);
}
Mapped mapped(const Example& f, Way way) { return mapped(f, way, start(f, way), f.context); }

// log |det A| of a (D, D) matrix, row by row, by elimination with the largest pivot.
double log_abs_det(std::vector<double> a, std::size_t dim) {
  double result = 0;
  for (std::size_t k = 0; k < dim; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < dim; ++i)
      if (std::abs(a[i * dim + k]) > std::abs(a[pivot * dim + k])) pivot = i;
    for (std::size_t j = 0; j < dim; ++j) std::swap(a[k * dim + j], a[pivot * dim + j]);
    result += std::log(std::abs(a[k * dim + k]));
    for (std::size_t i = k + 1; i < dim; ++i) {
      const double factor = a[i * dim + k] / a[k * dim + k];
      for (std::size_t j = k; j < dim; ++j) a[i * dim + j] -= factor * a[k * dim + j];
    }
  }
  return result;
}

// The same of the Jacobian at one point (1, D), by central differences.
double numeric_log_det(const Example& f, Way way, const Tensor& point, const Var& context) {
  const auto dim = std::size_t(point.size());
  std::vector<double> jacobian(dim * dim);
  for (std::size_t j = 0; j < dim; ++j) {
    const double size = std::max(1.0, std::abs(double{point.data()[j]}));
    const real h = real(10 * std::sqrt(kEps) * size);
    Tensor above = point, below = point;
    above.mutable_data()[j] += h;
    below.mutable_data()[j] -= h;
    const double distance = double{above.data()[j]} - double{below.data()[j]};
    const Tensor up = mapped(f, way, above, context).points.value();
    const Tensor down = mapped(f, way, below, context).points.value();
    for (std::size_t i = 0; i < dim; ++i)
      jacobian[i * dim + j] = (double{up.data()[i]} - double{down.data()[i]}) / distance;
  }
  return log_abs_det(std::move(jacobian), dim);
}

TEST_CASE("the determinant of the tests themselves") {
  CHECK(log_abs_det({2, 1, 4, 3}, 2) == Approx(std::log(2.0)));
  CHECK(log_abs_det({0, 3, 2, 0}, 2) == Approx(std::log(6.0)));  // needs a pivot
  CHECK(log_abs_det({2, 0, 1, 1, 3, 2, 1, 1, 4}, 3) == Approx(std::log(18.0)));
}

// The names that a pattern finds in the headers of flows/, or of a folder in it.
std::set<std::string> declared(const std::regex& pattern, const std::string& folder = "") {
  std::set<std::string> names;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(GRADFLOW_FLOWS_DIRECTORY + folder)) {
    if (entry.path().extension() != ".h") continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (std::sregex_iterator found(text.begin(), text.end(), pattern), end; found != end; ++found)
      names.insert((*found)[1]);
  }
  return names;
}

TEST_CASE("every bijection has a row in the table", "[registry]") {
  const std::set<std::string> types = declared(
      std::regex(R"((?:struct|class)\s+(\w+)\s*(?:\bfinal\s*)?:\s*(?:public\s+)?Bijection\b)"));
  std::set<std::string> tested, tested_in_the_plane;  // where the density can be integrated
  for (const MapRow& row : rows()) {
    tested.insert(row.type);
    if (Example(row).dim() == 2) tested_in_the_plane.insert(row.type);
  }
  INFO("a bijection that a header of flows/ declares needs a row in rows(), and one of dim 2");
  CHECK(missing_from(tested, types) == std::vector<std::string>{});
  CHECK(missing_from(tested_in_the_plane, types) == std::vector<std::string>{});
  CHECK(missing_from(types, tested) == std::vector<std::string>{});
}

TEST_CASE("every univariate map has rows in the table, in every conditioner", "[registry]") {
  const std::set<std::string> maps =
      declared(std::regex(R"(\n(?:inline )?Univariate (\w+)\()"), "/univariate");
  CHECK(maps.size() >= 2);
  for (const char* conditioner : {"Elementwise", "Coupling", "MaskedAutoregressive"}) {
    CAPTURE(conditioner);
    std::set<std::string> tested;
    for (const MapRow& row : rows())
      if (row.type == conditioner) tested.insert(row.univariate);
    INFO("a univariate map that a header of flows/univariate/ declares needs a line in rows()");
    CHECK(missing_from(tested, maps) == std::vector<std::string>{});
    CHECK(missing_from(maps, tested) == std::vector<std::string>{});
  }
}

TEST_CASE("bijections keep the shape and give a determinant for each point", "[registry]") {
  for (const MapRow& row : rows()) {
    const Example example(row);
    CAPTURE(example.name);
    for (const Way way : kWays)
      for (const Index batch : {0, 1, 16}) {
        const Mapped result =
            mapped(example, way, start(example, way).rows(0, batch), example.context_of(0, batch));
        CHECK(result.points.shape() == Shape{batch, example.dim()});
        CHECK(result.log_det.shape() == Shape{batch});
        if (row.keeps_volume) CHECK(difference(result.log_det.value(), zeros({batch})) == "");
      }
    count("shapes, and log_det 0 if volume is kept", row);
  }
}

TEST_CASE("bijections undo themselves, both ways round", "[registry]") {
  for (const MapRow& row : rows()) {
    const Example example(row);
    CAPTURE(example.name);
    const Tensor z = mapped(example, Way::to_latent).points.value();
    const Tensor x = mapped(example, Way::to_data).points.value();
    // Some roundings in each layer, of numbers as large as those on the way, some of them scaled up
    // again on the way back; and again for each coordinate that needs those before it.
    double size = 1;
    for (const Tensor& way : {z, x, example.points, example.data})
      size = std::max(size, largest(way));
    const double roundings = 100 + row.solver_error / kEps;
    CHECK(difference(mapped(example, Way::to_data, z, example.context).points.value(),
                     reference(example.data), roundings, size) == "");
    CHECK(difference(mapped(example, Way::to_latent, x, example.context).points.value(),
                     reference(example.points), roundings, size) == "");
    count("both round trips", row);
  }
}

TEST_CASE("log_det is the logarithm of the Jacobian's determinant", "[registry][slow]") {
  for (const MapRow& row : rows()) {
    if (!can_differentiate(row)) continue;
    // Half of the digits are lost to the small differences, and some to the size of what they are
    // of.
    const double tolerance = 100 * std::sqrt(kEps) + row.solver_error;
    const Example example(row);
    CAPTURE(example.name);
    for (const Way way : kWays) {
      const Tensor log_det = mapped(example, way).log_det.value();
      for (Index i = 0; i < example.points.rows(); ++i) {
        const double numeric = numeric_log_det(example, way, start(example, way).rows(i, i + 1),
                                               example.context_of(i, i + 1));
        CHECK(log_det.at({i}) == Approx(numeric).margin(tolerance).epsilon(tolerance));
      }
    }
    count("log_det against the numeric Jacobian", row);
  }
}

// The same from the tape: a row of every point's Jacobian at a time, the gradient of one
// coordinate.
TEST_CASE("log_det is the logarithm of the determinant of the Jacobian that the tape gives",
          "[registry]") {
  for (const MapRow& row : rows()) {
    const Example example(row);
    CAPTURE(example.name);
    const auto dim = std::size_t(example.dim());
    for (const Way way : kWays) {
      Tape tape;
      const Var points = tape.variable(start(example, way));
      const Mapped result = mapped(example, way, points, example.context);
      std::vector<Tensor> rows_of;
      for (Index i = 0; i < example.dim(); ++i) {
        const Tensor one_hot = kernel::pad(ones({example.points.rows(), 1}), 1, i, example.dim());
        rows_of.push_back(tape.backward(result.points, one_hot)[points].value());
      }
      for (Index point = 0; point < example.points.rows(); ++point) {
        std::vector<double> jacobian;
        double product = 1;  // of the rows' lengths: the most that a determinant can be
        for (std::size_t i = 0; i < dim; ++i) {
          double square = 0;
          for (std::size_t j = 0; j < dim; ++j) {
            jacobian.push_back(rows_of[i].at({point, Index(j)}));
            square += jacobian.back() * jacobian.back();
          }
          product *= std::sqrt(square);
        }
        // Terms of the size of that product cancel in a small determinant.
        const double expected = log_abs_det(std::move(jacobian), dim);
        const double scale = product / std::exp(expected);
        CHECK(close(result.log_det.value().at({point}), expected, 50 + row.solver_error / kEps,
                    std::max(scale, 1.0)));
      }
    }
    count("log_det against the tape's Jacobian", row);
  }
}

TEST_CASE("the examples are not the identity: their scales are seen", "[registry]") {
  for (const MapRow& row : rows()) {
    if (row.keeps_volume) continue;
    CAPTURE(row.type, row.what);
    double most = 0;  // of two examples: in one the terms may cancel
    for (const std::uint64_t seed : {3u, 6u})
      most = std::max(most, largest(mapped(Example(row, seed), Way::to_latent).log_det.value()));
    CHECK(most > 0.2);
    count("scales of the example are seen", row);
  }
}

TEST_CASE("the two directions have opposite log_dets", "[registry]") {
  for (const MapRow& row : rows()) {
    const Example example(row);
    CAPTURE(example.name);
    const Mapped latent = mapped(example, Way::to_latent);
    const Mapped data = mapped(example, Way::to_data, latent.points.value(), example.context);
    Reference opposite = reference(latent.log_det.value());
    for (double& value : opposite.values) value = -value;
    CHECK(difference(data.log_det.value(), opposite, 200 + row.solver_error / kEps, 1) == "");
    count("to_latent and to_data have opposite log_dets", row);
  }
}

// Of one coordinate: there is none before it, so that its map is the same at every point.
bool lonely(const MapRow& row) {
  return row.type == "MaskedAutoregressive" && contains(row.what, ", 1 coordinates");
}

TEST_CASE("a log_det that is declined is not computed, and changes nothing else", "[registry]") {
  for (const MapRow& row : rows()) {
    Example example(row);
    CAPTURE(example.name);
    const Weights weights(parameters(example.bijection));
    for (const Way way : kWays) {
      const auto run = [&](LogDet log_det) {
        Tape tape(weights);
        const Var points = tape.variable(start(example, way));
        const Mapped result = mapped(example, way, points, example.context, log_det);
        return std::tuple(result.points.value(), result.log_det.shape(), tape.size());
      };
      const auto [points, log_det, nodes] = run(LogDet::yes);
      const auto [same, declined, fewer] = run(LogDet::no);
      CHECK(declined == Shape{0});
      if (row.solver_error > 0)  // another product for the velocity
        CHECK(difference(same, reference(points), 1000, 1) == "");
      else
        CHECK(difference(same, points) == "");
      // A constant, as Standardize's is, is not on the tape anyway.
      if (!row.keeps_volume && row.type != "Standardize") CHECK(fewer < nodes);
    }
    count("log_det declined", row);
  }
}

TEST_CASE("points are mapped one by one", "[registry]") {
  for (const MapRow& row : rows()) {
    const Example example(row);
    CAPTURE(example.name);
    for (const Way way : kWays) {
      const Mapped all = mapped(example, way);
      const Mapped some =
          mapped(example, way, start(example, way).rows(5, 8), example.context_of(5, 8));
      const double size = std::max(4.0, largest(all.points.value()));
      // In a product of another size sums may be taken in another order.
      CHECK(difference(some.points.value(), reference(all.points.value().rows(5, 8)), 100, size) ==
            "");
      CHECK(difference(some.log_det.value(), reference(all.log_det.value().rows(5, 8)), 100,
                       size) == "");
    }
    count("points are mapped one by one", row);
  }
}

TEST_CASE("a context is seen, number by number", "[registry]") {
  for (const MapRow& row : rows()) {
    const Example example(row);
    CAPTURE(example.name);
    for (Index i = 0; i < example.bijection->context(); ++i) {
      Tensor other = example.context.value();
      for (Index b = 0; b < 16; ++b)
        other.mutable_data()[b * example.bijection->context() + i] += 1;
      for (const Way way : kWays) {
        const Tensor points = mapped(example, way).points.value();
        CHECK(difference(mapped(example, way, start(example, way), other).points.value(), points) !=
              "");
      }
      count("context is seen", row);
    }
  }
}

// The box that holds a thousand samples of a distribution's, made wider by half.
struct Box {
  double low[2], high[2];
};
Box box_of(const MapRow& row, const Example& f, const Var& context) {
  if (row.of_angles) return {{-pi, -pi}, {pi, pi}};
  const Tensor z = Rng(8).normal({1000, 2});
  const Tensor x = mapped(f, Way::to_data, z, context).points.value();
  Box box{};
  for (int k = 0; k < 2; ++k) {
    const Tensor axis = kernel::slice(x, 1, k, k + 1);
    const double high = max(axis).item(), low = -max(neg(axis)).item(), margin = (high - low) / 2;
    box.low[k] = low - margin;
    box.high[k] = high + margin;
  }
  return box;
}

TEST_CASE("the density that a bijection makes of its base's integrates to 1", "[registry][slow]") {
  for (const MapRow& row : rows()) {
    // Densities without peaks that fall between the cells.
    const Example example(row, 3, real(2) / 3);
    if (example.dim() != 2) continue;
    CAPTURE(example.name);
    const Index cells = row.solver_error > 0 ? 100 : 300;
    const auto context_for = [&](Index n) {  // the same at every point
      return example.bijection->context() == 0
                 ? no_context
                 : broadcast_to(example.context_of(0, 1), {n, example.bijection->context()});
    };
    const Box box = box_of(row, example, context_for(1000));
    const double width = (box.high[0] - box.low[0]) / double(cells);
    const double height = (box.high[1] - box.low[1]) / double(cells);
    double total = 0;
    for (Index i = 0; i < cells; ++i) {
      Tensor line({cells, 2});  // the middles of a row of cells
      for (Index k = 0; k < cells; ++k) {
        line.mutable_data()[2 * k] = real(box.low[0] + (double(k) + 0.5) * width);
        line.mutable_data()[2 * k + 1] = real(box.low[1] + (double(i) + 0.5) * height);
      }
      const Mapped latent = mapped(example, Way::to_latent, line, context_for(cells));
      const Var base = row.of_angles ? Uniform(2, real(-pi), real(pi)).log_prob(latent.points)
                                     : standard_normal_log_prob(latent.points);
      const Tensor p = exp(base + latent.log_det).value();
      for (const real value : p.values()) total += value;
    }
    CHECK(total * width * height == Approx(1).margin(1e-3));
    count("density integrates to 1 (2-D)", row);
  }
}

TEST_CASE("every parameter of a bijection receives a gradient, in both directions", "[registry]") {
  for (const MapRow& row : rows()) {
    Example example(row);
    CAPTURE(example.name);
    const Parameters all = parameters(example.bijection);
    for (const Way way : kWays) {
      if (all.empty()) continue;
      const auto loss = [&] { return contracted(mapped(example, way)); };
      const bool sees_nothing = lonely(row) && example.bijection->context() == 0;
      CHECK(without_gradient(all, loss) == (sees_nothing ? "0.weight" : ""));
    }
    count("every parameter receives a gradient, both ways", row);
  }
}

TEST_CASE("gradients of bijections are right", "[registry][slow]") {
  for (const MapRow& row : rows()) {
    if (!can_differentiate(row)) continue;
    Example example(row);
    CAPTURE(example.name);
    Weights weights(parameters(example.bijection));
    for (const Way way : kWays) {
      std::vector<Tensor> inputs{start(example, way).rows(0, 3)};
      if (example.bijection->context() > 0) inputs.push_back(example.context_of(0, 3).value());
      const Function function = [&](const std::vector<Var>& in) {
        const Mapped result = mapped(example, way, in[0], in.size() > 1 ? in[1] : no_context);
        return concat({result.points, reshape(result.log_det, {3, 1})}, 1);
      };
      const GradcheckResult result = gradcheck(function, inputs, weights);
      INFO(result.report);
      CHECK(result.passed);
    }
    count("gradcheck by points, context and parameters", row);
  }
}

TEST_CASE("a copy is the same bijection and independent of the first", "[registry]") {
  for (const MapRow& row : rows()) {
    Example original(row), copy = original;
    CAPTURE(original.name);
    const Tensor before = mapped(original, Way::to_data).points.value();
    CHECK(difference(mapped(copy, Way::to_data).points.value(), before) == "");
    CHECK(bits(copy.bijection) == bits(original.bijection));
    count("copies", row);
    if (parameters(original.bijection).empty()) continue;

    randomize(parameters(copy.bijection), 1, 5);
    CHECK(difference(mapped(original, Way::to_data).points.value(), before) == "");
    CHECK(difference(mapped(copy, Way::to_data).points.value(), before) != "");
    copy.bijection = original.bijection;
    CHECK(difference(mapped(copy, Way::to_data).points.value(), before) == "");
  }
}

TEST_CASE("a bijection that is moved is still the one that the weights are of", "[registry]") {
  for (const MapRow& row : rows()) {
    Example example(row);
    CAPTURE(example.name);
    const Weights weights(parameters(example.bijection));
    Example moved = std::move(example);
    CHECK_THROWS_AS(example.bijection->dim(), GraphError);
    Tape tape(weights);
    const Gradients gradients =
        tape.backward(contracted(mapped(moved, Way::to_latent)) + tape.variable(Tensor::scalar(0)));
    for (const auto& [name, parameter] : parameters(moved.bijection)) {
      const bool sees_nothing =
          lonely(row) && moved.bijection->context() == 0 && name == "0.weight";
      CHECK((sum(square(gradients[*parameter])).item() > 0) == !sees_nothing);
    }
    count("moves", row);
  }
}

TEST_CASE("named tensors are all there is to save", "[registry]") {
  for (const MapRow& row : rows()) {
    const Example saved(row);
    Example other(row, 6);  // other weights, another order
    CAPTURE(saved.name);
    load(other.bijection, tensors(saved.bijection));
    CHECK(hash_tensors(tensors(other.bijection)) == hash_tensors(tensors(saved.bijection)));
    for (const Way way : kWays) {
      const Mapped expected = mapped(saved, way);
      const Mapped result = mapped(other, way, start(saved, way), saved.context);
      CHECK(difference(result.points.value(), expected.points.value()) == "");
      CHECK(difference(result.log_det.value(), expected.log_det.value()) == "");
    }
    count("saved and restored", row);
  }
}

TEST_CASE("points and contexts of other sizes are refused, by name", "[registry]") {
  for (const MapRow& row : rows()) {
    const Example example(row);
    CAPTURE(example.name);
    const Index dim = example.dim(), size = example.bijection->context();
    for (const Way way : kWays) {
      const std::string called =
          row.type + (way == Way::to_latent ? "::to_latent: " : "::to_data: ");
      const auto message = [&](const Tensor& points, const Var& context) {
        return message_of<ShapeError>([&] { mapped(example, way, points, context); });
      };
      for (const Shape& shape : {Shape{16, dim + 1}, Shape{16}, Shape{2, 16, dim}, Shape{}})
        CHECK(message(ones(shape), example.context) ==
              called + fmt::format("points {} given; (B, {}) are required", shape, dim));
      const Tensor points = ones({16, dim});
      if (size == 0) {
        CHECK(message(points, ones({16, 1})) == called + "context (16, 1) given; none is taken");
        continue;
      }
      for (const Shape& shape : {Shape{0}, Shape{16, size + 1}, Shape{15, size}, Shape{size}})
        CHECK(message(points, zeros(shape)) ==
              called + fmt::format("context {} given; (16, {}) is required", shape, size));
    }
    count("other sizes refused", row);
  }
}

}  // namespace
}  // namespace gradflow
