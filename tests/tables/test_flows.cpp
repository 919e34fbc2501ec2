// What every bijection must do, from one table: undo itself, know its determinant, learn, be copied
// and saved. And normalizing flows: that their density is one.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <numbers>
#include <numeric>
#include <regex>
#include <set>

#include "autograd/gradcheck.h"
#include "flows/normal.h"
#include "flows/normalizing_flow.h"
#include "flows/permutation.h"
#include "tensor/error.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/tables/declared_ops.h"
#include "tests/model.h"
#include "tests/tables/registry.h"

namespace gradflow {
namespace {

constexpr real kNoBound = std::numeric_limits<real>::infinity();

// Networks with tanh between their layers. The default has kinks, and a numeric derivative that
// reaches over one is wrong, in float often.
AffineCoupling smooth(AffineCoupling layer) {
  const Activation activation = [](const Var& x) { return tanh(x); };
  layer.scale.activation = layer.shift.activation = activation;
  return layer;
}

std::unique_ptr<Bijection> coupling(Index dim, real bound, Rng& rng) {
  const AffineCouplingOptions options{.scale_bound = bound, .start_as_identity = false};
  return std::make_unique<AffineCoupling>(smooth(AffineCoupling(dim, options, rng)));
}

std::unique_ptr<Bijection> mixture(Rng& rng) {
  Composition all;
  all.add(smooth(AffineCoupling(3, {.hidden = {8}, .start_as_identity = false}, rng)));
  all.add(Permutation({2, 0, 1}));
  all.add(AffineCoupling(3, {.hidden = {}, .scale_bound = kNoBound}, rng));
  return std::make_unique<Composition>(std::move(all));
}

std::unique_ptr<Bijection> whole_flow(Rng& rng) {
  const NormalizingFlowOptions options{.couplings = 6, .permuting = Permuting::random};
  return std::make_unique<Composition>(NormalizingFlow::of_couplings(2, options, rng).transform);
}

// A new bijection is added here; all tests of the first part then apply to it.
struct Row {
  const char* type;  // the name of the struct or class
  const char* what;
  Index dim;
  std::function<std::unique_ptr<Bijection>(Rng&)> make;
  bool has_kinks = false;  // then numeric derivatives are tried in double only
};
const Row kBijections[] = {
    {"AffineCoupling", "two coordinates", 2, [](Rng& rng) { return coupling(2, 2, rng); }},
    {"AffineCoupling", "three", 3, [](Rng& rng) { return coupling(3, 2, rng); }},
    {"AffineCoupling", "five", 5, [](Rng& rng) { return coupling(5, 2, rng); }},
    {"AffineCoupling", "a small bound", 2, [](Rng& rng) { return coupling(2, 0.5, rng); }},
    {"AffineCoupling", "unbounded", 2, [](Rng& rng) { return coupling(2, kNoBound, rng); }},
    {"AffineCoupling", "unbounded, five", 5, [](Rng& rng) { return coupling(5, kNoBound, rng); }},
    {"AffineCoupling", "by default", 2,
     [](Rng& rng) { return std::make_unique<AffineCoupling>(2, AffineCouplingOptions(), rng); },
     true},
    {"Permutation", "reversal", 2,
     [](Rng&) { return std::make_unique<Permutation>(Permutation::reversal(2)); }},
    {"Permutation", "random", 5,
     [](Rng& rng) { return std::make_unique<Permutation>(Permutation::random(5, rng)); }},
    {"Composition", "empty", 2, [](Rng&) { return std::make_unique<Composition>(); }},
    {"Composition", "a mixture", 3, mixture},
    {"Composition", "a normalizing flow's", 2, whole_flow, true},
};

void count(const char* check, const Row& row) { counted("bijections", check, row.type); }

bool can_differentiate(const Row& row) { return !row.has_kinks || sizeof(real) == 8; }

// A row's bijection with parameters drawn anew and away from 0, so that no log-scale is small. The
// points are of the usual size.
struct Example {
  explicit Example(const Row& row, std::uint64_t seed = 3, real size = real(0.6))
      : name(std::string(row.type) + ", " + row.what) {
    Rng rng(seed);
    bijection = row.make(rng);
    randomize(bijection->parameters(), size, seed);
    points = rng.normal({16, row.dim});
  }
  std::string name;
  std::unique_ptr<Bijection> bijection;
  Tensor points;
};

enum class Way { to_latent, to_data };

Mapped mapped(const Bijection& f, Way way, const Var& points) {
  return way == Way::to_latent ? f.to_latent(points) : f.to_data(points);
}

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
double numeric_log_det(const Bijection& f, Way way, const Tensor& point) {
  const auto dim = std::size_t(point.size());
  const real h = 10 * std::sqrt(std::numeric_limits<real>::epsilon());
  std::vector<double> jacobian(dim * dim);
  for (std::size_t j = 0; j < dim; ++j) {
    Tensor above = point, below = point;
    above.mutable_data()[j] += h;
    below.mutable_data()[j] -= h;
    const double distance = double{above.data()[j]} - double{below.data()[j]};
    const Tensor up = mapped(f, way, above).points.value();
    const Tensor down = mapped(f, way, below).points.value();
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

TEST_CASE("every bijection has a row in the table", "[registry]") {
  const std::regex derived(
      R"((?:struct|class)\s+(\w+)\s*(?:\bfinal\s*)?:\s*(?:public\s+)?Bijection\b)");
  std::set<std::string> declared, tested;
  for (const auto& entry : std::filesystem::directory_iterator(GRADFLOW_FLOWS_DIRECTORY)) {
    if (entry.path().extension() != ".h") continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (std::sregex_iterator found(text.begin(), text.end(), derived), end; found != end; ++found)
      declared.insert((*found)[1]);
  }
  std::set<std::string> tested_in_the_plane;  // where the density can be integrated
  for (const Row& row : kBijections) {
    tested.insert(row.type);
    if (row.dim == 2) tested_in_the_plane.insert(row.type);
  }
  INFO("a bijection that a header of flows/ declares needs a row in kBijections, and one of dim 2");
  CHECK(missing_from(tested, declared) == std::vector<std::string>{});
  CHECK(missing_from(tested_in_the_plane, declared) == std::vector<std::string>{});
  CHECK(missing_from(declared, tested) == std::vector<std::string>{});
}

TEST_CASE("bijections keep the shape and give a determinant for each point", "[registry]") {
  for (const Row& row : kBijections) {
    const Example example(row);
    CAPTURE(example.name);
    for (const Way way : {Way::to_latent, Way::to_data})
      for (const Index batch : {0, 1, 16}) {
        const Mapped result = mapped(*example.bijection, way, example.points.rows(0, batch));
        CHECK(result.points.shape() == Shape{batch, row.dim});
        CHECK(result.log_det.shape() == Shape{batch});
        if (example.bijection->keeps_volume())  // what a Composition then leaves out is nothing
          CHECK(difference(result.log_det.value(), zeros({batch})) == "");
      }
    count("shapes, and log_det 0 if volume is kept", row);
  }
}

TEST_CASE("bijections undo themselves, both ways round", "[registry]") {
  for (const Row& row : kBijections) {
    const Example example(row);
    const Bijection& f = *example.bijection;
    CAPTURE(example.name);
    const Reference points = reference(example.points);
    const Tensor z = f.to_latent(example.points).points.value();
    const Tensor x = f.to_data(example.points).points.value();
    // Some roundings in each layer, of numbers as large as those on the way, some of them scaled up
    // again on the way back.
    double size = 1;
    for (const Tensor& way : {z, x, example.points})
      for (const real value : way.values()) size = std::max(size, std::abs(double{value}));
    CHECK(difference(f.to_data(z).points.value(), points, 100, size) == "");
    CHECK(difference(f.to_latent(x).points.value(), points, 100, size) == "");
    count("both round trips", row);
  }
}

TEST_CASE("log_det is the logarithm of the Jacobian's determinant", "[registry]") {
  // Half of the digits are lost to the small differences, and some to the size of what they are of.
  const double tolerance = 100 * std::sqrt(kEps);
  for (const Row& row : kBijections) {
    if (!can_differentiate(row)) continue;
    const Example example(row);
    CAPTURE(example.name);
    for (const Way way : {Way::to_latent, Way::to_data}) {
      const Tensor log_det = mapped(*example.bijection, way, example.points).log_det.value();
      for (Index i = 0; i < example.points.rows(); ++i) {
        const double numeric =
            numeric_log_det(*example.bijection, way, example.points.rows(i, i + 1));
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
  for (const Row& row : kBijections) {
    const Example example(row);
    CAPTURE(example.name);
    const auto dim = std::size_t(row.dim);
    for (const Way way : {Way::to_latent, Way::to_data}) {
      Tape tape;
      const Var points = tape.variable(example.points);
      const Mapped result = mapped(*example.bijection, way, points);
      std::vector<Tensor> rows;
      for (Index i = 0; i < row.dim; ++i) {
        const Tensor one_hot = kernel::pad(ones({example.points.rows(), 1}), 1, i, row.dim);
        rows.push_back(tape.backward(result.points, one_hot)[points].value());
      }
      for (Index point = 0; point < example.points.rows(); ++point) {
        std::vector<double> jacobian;
        double product = 1;  // of the rows' lengths: the most that a determinant can be
        for (std::size_t i = 0; i < dim; ++i) {
          double square = 0;
          for (std::size_t j = 0; j < dim; ++j) {
            jacobian.push_back(rows[i].at({point, Index(j)}));
            square += jacobian.back() * jacobian.back();
          }
          product *= std::sqrt(square);
        }
        // Terms of the size of that product cancel in a small determinant.
        const double expected = log_abs_det(std::move(jacobian), dim);
        const double scale = product / std::exp(expected);
        CHECK(close(result.log_det.value().at({point}), expected, 50, std::max(scale, 1.0)));
      }
    }
    count("log_det against the tape's Jacobian", row);
  }
}

TEST_CASE("the examples are not the identity: their scales are seen", "[registry]") {
  for (const Row& row : kBijections) {
    const Example example(row);
    if (example.bijection->parameters().empty() || example.bijection->keeps_volume()) continue;
    CAPTURE(example.name);
    const Tensor log_det = example.bijection->to_latent(example.points).log_det.value();
    double largest = 0;
    for (const real value : log_det.values()) largest = std::max(largest, std::abs(double{value}));
    CHECK(largest > 0.2);
    count("scales of the example are seen", row);
  }
}

TEST_CASE("the two directions have opposite log_dets", "[registry]") {
  for (const Row& row : kBijections) {
    const Example example(row);
    CAPTURE(example.name);
    const Mapped latent = example.bijection->to_latent(example.points);
    const Mapped data = example.bijection->to_data(latent.points.value());
    Reference opposite = reference(latent.log_det.value());
    for (double& value : opposite.values) value = -value;
    CHECK(difference(data.log_det.value(), opposite, 200, 1) == "");
    count("to_latent and to_data have opposite log_dets", row);
  }
}

TEST_CASE("points are mapped one by one", "[registry]") {
  for (const Row& row : kBijections) {
    const Example example(row);
    CAPTURE(example.name);
    for (const Way way : {Way::to_latent, Way::to_data}) {
      const Mapped all = mapped(*example.bijection, way, example.points);
      const Mapped some = mapped(*example.bijection, way, example.points.rows(5, 8));
      // In a product of another size sums may be taken in another order.
      CHECK(difference(some.points.value(), reference(all.points.value().rows(5, 8)), 100, 4) ==
            "");
      CHECK(difference(some.log_det.value(), reference(all.log_det.value().rows(5, 8)), 100, 4) ==
            "");
    }
    count("points are mapped one by one", row);
  }
}

// The box that holds a thousand samples of a distribution's, made wider by half.
struct Box {
  double low[2], high[2];
};
Box box_of(const Bijection& f) {
  const Tensor x = f.to_data(Rng(8).normal({1000, 2})).points.value();
  Box box{};
  for (int k = 0; k < 2; ++k) {
    const Tensor axis = kernel::slice(x, 1, k, k + 1);
    const double high = max(axis).item(), low = -max(neg(axis)).item(), margin = (high - low) / 2;
    box.low[k] = low - margin;
    box.high[k] = high + margin;
  }
  return box;
}

TEST_CASE("the density that a bijection makes of the normal one integrates to 1", "[registry]") {
  constexpr Index kCells = 500;
  for (const Row& row : kBijections) {
    if (row.dim != 2) continue;
    const Example example(row, 3,
                          real(0.4));  // densities without peaks that fall between the cells
    CAPTURE(example.name);
    const Box box = box_of(*example.bijection);
    const double width = (box.high[0] - box.low[0]) / double(kCells);
    const double height = (box.high[1] - box.low[1]) / double(kCells);
    double total = 0;
    for (Index i = 0; i < kCells; ++i) {
      Tensor line({kCells, 2});  // the middles of a row of cells
      for (Index k = 0; k < kCells; ++k) {
        line.mutable_data()[2 * k] = real(box.low[0] + (double(k) + 0.5) * width);
        line.mutable_data()[2 * k + 1] = real(box.low[1] + (double(i) + 0.5) * height);
      }
      const Mapped latent = example.bijection->to_latent(line);
      const Tensor p = exp(standard_normal_log_prob(latent.points) + latent.log_det).value();
      for (const real value : p.values()) total += value;
    }
    CHECK(total * width * height == Approx(1).margin(1e-3));
    count("density integrates to 1 (2-D)", row);
  }
}

// A number that depends on all that a bijection gives, on each part in another way.
Var contracted(const Mapped& result) {
  Rng rng(4);
  return sum(Var(rng.normal(result.points.shape())) * result.points) +
         sum(Var(rng.normal(result.log_det.shape())) * result.log_det);
}

TEST_CASE("every parameter of a bijection receives a gradient, in both directions", "[registry]") {
  for (const Row& row : kBijections) {
    const Example example(row);
    CAPTURE(example.name);
    for (const Way way : {Way::to_latent, Way::to_data}) {
      if (example.bijection->parameters().empty()) continue;
      const auto loss = [&] { return contracted(mapped(*example.bijection, way, example.points)); };
      CHECK(without_gradient(example.bijection->parameters(), loss) == "");
    }
    count("every parameter receives a gradient, both ways", row);
  }
}

TEST_CASE("gradients of bijections are right", "[registry]") {
  for (const Row& row : kBijections) {
    if (!can_differentiate(row)) continue;
    const Example example(row);
    CAPTURE(example.name);
    for (const Way way : {Way::to_latent, Way::to_data}) {
      const Tensor points = example.points.rows(0, 4);
      const Function function = [&](const std::vector<Var>& in) {
        const Mapped result = mapped(*example.bijection, way, in[0]);
        return concat({result.points, reshape(result.log_det, {4, 1})}, 1);
      };
      const GradcheckResult by_points = gradcheck(function, {points});
      INFO(by_points.report);
      CHECK(by_points.passed);
      if (example.bijection->parameters().empty()) continue;
      const auto loss = [&] { return contracted(mapped(*example.bijection, way, points)); };
      CHECK(wrong_gradient(example.bijection->parameters(), loss) == "");
    }
    count("gradcheck by points and by parameters", row);
  }
}

TEST_CASE("a clone is the same bijection and independent of the first", "[registry]") {
  for (const Row& row : kBijections) {
    const Example example(row);
    CAPTURE(example.name);
    Bijection& original = *example.bijection;
    const auto clone = original.clone();
    const Tensor before = original.to_data(example.points).points.value();
    CHECK(difference(clone->to_data(example.points).points.value(), before) == "");
    CHECK(bits(clone->parameters()) == bits(original.parameters()));
    count("clones", row);
    if (original.parameters().empty()) continue;

    randomize(clone->parameters(), 1, 5);
    CHECK(difference(original.to_data(example.points).points.value(), before) == "");
    CHECK(difference(clone->to_data(example.points).points.value(), before) != "");
  }
}

TEST_CASE("parameters and constants are all there is to save", "[registry]") {
  for (const Row& row : kBijections) {
    const Example saved(row);
    const Example other(row, 6);  // other weights, another order
    CAPTURE(saved.name);
    assign(other.bijection->parameters(), values(saved.bijection->parameters()));
    other.bijection->set_constants(saved.bijection->constants());
    CHECK(hash_tensors(other.bijection->constants()) == hash_tensors(saved.bijection->constants()));
    for (const Way way : {Way::to_latent, Way::to_data}) {
      const Mapped expected = mapped(*saved.bijection, way, saved.points);
      const Mapped result = mapped(*other.bijection, way, saved.points);
      CHECK(difference(result.points.value(), expected.points.value()) == "");
      CHECK(difference(result.log_det.value(), expected.log_det.value()) == "");
    }
    other.bijection->set_constants({});  // nothing given: nothing changed
    CHECK(hash_tensors(other.bijection->constants()) == hash_tensors(saved.bijection->constants()));
    count("saved and restored", row);
  }
}

TEST_CASE("points of another dimension are refused", "[registry]") {
  for (const Row& row : kBijections) {
    const Example example(row);
    if (example.name == "Composition, empty") continue;  // takes any
    CAPTURE(example.name);
    for (const Way way : {Way::to_latent, Way::to_data}) {
      CHECK_THROWS_AS(mapped(*example.bijection, way, ones({4, row.dim + 1})), ShapeError);
      CHECK_THROWS_AS(mapped(*example.bijection, way, ones({row.dim})), ShapeError);
      CHECK_THROWS_AS(mapped(*example.bijection, way, ones({2, 4, row.dim})), ShapeError);
    }
    count("points of another dimension refused", row);
  }
}

// --- affine couplings ---

TEST_CASE("a coupling keeps the first half and scales and shifts the rest, by its formula") {
  Rng rng(7);
  AffineCoupling layer(3, {.start_as_identity = false}, rng);
  randomize(layer.parameters(), real(0.6), 7);
  const Tensor z = rng.normal({5, 3});
  const Tensor x = layer.to_data(z).points.value();
  const Tensor raw = layer.scale(slice(z, 1, 0, 1)).value();
  const Tensor t = layer.shift(slice(z, 1, 0, 1)).value();
  for (Index i = 0; i < 5; ++i) {
    CHECK(x.at({i, 0}) == z.at({i, 0}));
    for (Index k = 0; k < 2; ++k) {
      const double s = 2 * std::tanh(double{raw.at({i, k})} / 2);
      const double moved = std::exp(s) * double{z.at({i, k + 1})} + double{t.at({i, k})};
      CHECK(close(x.at({i, k + 1}), moved, 30, std::abs(moved - t.at({i, k}))));
    }
  }
}

TEST_CASE("the bound holds however large the networks' results are, and without it there is none") {
  for (const real bound : {real(0.5), real(2), kNoBound}) {
    Rng rng(8);
    AffineCoupling layer(4, {.scale_bound = bound, .start_as_identity = false}, rng);
    randomize(layer.parameters(), 3, 8);
    const Tensor log_det = layer.to_data(rng.normal({100, 4})).log_det.value();
    double largest = 0;
    for (const real value : log_det.values()) largest = std::max(largest, std::abs(double{value}));
    CAPTURE(bound);
    CHECK(largest <= 2 * bound * (1 + 4 * kEps));  // two coordinates are moved
    CHECK(largest > std::min(double{bound}, 10.0));
  }
}

TEST_CASE(
    "a coupling as fused operations is the one composed of formulas, and so are its gradients") {
  for (const Index dim : {2, 3, 5})
    for (const real bound : {real(2), kNoBound}) {
      CAPTURE(dim, bound);
      Rng rng(10);
      AffineCoupling layer(dim, {.scale_bound = bound, .start_as_identity = false}, rng);
      randomize(layer.parameters(), real(0.6), 10);
      const Tensor x = rng.normal({9, dim});
      const auto first_and_second = [&](auto&& map) {
        Tape tape;
        const Var v = tape.variable(x);
        const Mapped mapped = map(v);
        const Gradients first = tape.backward(contracted(mapped));
        const Gradients recorded =
            tape.backward(contracted({square(mapped.points), square(mapped.log_det)}), Record::yes);
        std::vector<Tensor> all{mapped.points.value(), mapped.log_det.value(), first[v].value()};
        all.push_back(tape.backward(sum(square(recorded[v])))[v].value());
        for (const auto& [name, parameter] : layer.parameters())
          all.push_back(first[*parameter].value());
        return all;
      };
      const auto fused = first_and_second([&](const Var& v) { return layer.to_latent(v); });
      const auto composed =
          first_and_second([&](const Var& v) { return layer.composed_to_latent(v); });
      for (std::size_t k = 0; k < fused.size(); ++k) {
        CAPTURE(k);
        double size = 1;
        for (const real value : composed[k].values())
          size = std::max(size, std::abs(double{value}));
        CHECK(difference(fused[k], reference(composed[k]), 200, size) == "");
      }
    }
}

TEST_CASE("a coupling that starts as the identity is one, bit for bit, and can learn") {
  Rng rng(9);
  AffineCoupling layer(4, {}, rng);
  const Tensor x = rng.normal({5, 4});
  CHECK(difference(layer.to_latent(x).points.value(), x) == "");
  CHECK(difference(layer.to_data(x).points.value(), x) == "");
  CHECK(difference(layer.to_data(x).log_det.value(), zeros({5})) == "");
  // The last layers alone receive a gradient at first; enough to leave the identity.
  Tape tape;
  const Tensor gradient = flatten(tape.backward(contracted(layer.to_data(x))), layer.parameters());
  CHECK(sum(square(gradient)).item() > 0);
}

TEST_CASE("couplings that make no sense are refused") {
  Rng rng(10);
  CHECK(message_of<ShapeError>([&] { AffineCoupling(1, {}, rng); }) ==
        "AffineCoupling: 1 coordinates given; at least 2: one to keep and one to move");
  CHECK(message_of<ShapeError>([&] { AffineCoupling(2, {.scale_bound = 0}, rng); }) ==
        "AffineCoupling: scale bound 0 given; more than 0");
  CHECK_THROWS_AS(AffineCoupling(2, {.scale_bound = -2}, rng), ShapeError);
  CHECK_THROWS_AS(AffineCoupling(2, {.scale_bound = std::nanf("")}, rng), ShapeError);
  CHECK_THROWS_AS(AffineCoupling(2, {.hidden = {8, 0}}, rng), ShapeError);
  const AffineCoupling layer(2, {}, rng);
  CHECK(message_of<ShapeError>([&] {
          layer.to_latent(ones({4, 3}));
        }) == "AffineCoupling::to_latent: points (4, 3) given; (B, 2) are required");
}

// --- permutations ---

TEST_CASE("a permutation puts coordinates in its order, and back") {
  const Permutation turn({2, 0, 1});
  const Tensor z({{10, 11, 12}, {20, 21, 22}});
  CHECK(difference(turn.to_data(z).points.value(), Tensor({{12, 10, 11}, {22, 20, 21}})) == "");
  CHECK(difference(turn.to_latent(z).points.value(), Tensor({{11, 12, 10}, {21, 22, 20}})) == "");
  CHECK(difference(turn.to_data(z).log_det.value(), zeros({2})) == "");
  CHECK(Permutation::reversal(3).order == std::vector<Index>{2, 1, 0});

  Rng rng(11);
  std::set<std::vector<Index>> orders;
  for (int i = 0; i < 100; ++i) orders.insert(Permutation::random(3, rng).order);
  CHECK(orders.size() == 6);  // one of the six is missed once in 10^7 times
}

TEST_CASE("orders that are none are refused") {
  CHECK(message_of<ShapeError>([] {
          Permutation({0, 0});
        }) == "Permutation: order [0, 0] given; each of 0 to 1 once is required");
  CHECK_THROWS_AS(Permutation({1, 2}), ShapeError);
  CHECK_THROWS_AS(Permutation({0, -1}), ShapeError);
  Permutation permutation = Permutation::reversal(2);
  CHECK_THROWS_AS(permutation.set_constants({{"order", ones({2})}}), ShapeError);
  CHECK(message_of<ShapeError>([&] {
          permutation.set_constants({{"order", zeros({3})}});
        }) == "Permutation: order of shape (3) given; (2) is required");
  CHECK(permutation.order == std::vector<Index>{1, 0});
}

// --- normalizing flows ---

NormalizingFlow random_flow(real size = real(0.5)) {
  Rng rng(12);
  NormalizingFlow flow = NormalizingFlow::of_couplings(2, {.couplings = 4}, rng);
  randomize(flow.parameters(), size, 12);
  return flow;
}

// The integral of g(p(x)) over a square that holds all but a billionth of the random flow's mass.
double integral(const NormalizingFlow& flow, const std::function<double(double)>& g) {
  constexpr Index kCells = 500;
  constexpr double kSide = 20, kCell = kSide / double(kCells);
  double total = 0;
  for (Index i = 0; i < kCells; ++i) {
    Tensor row({kCells, 2});  // the middles of a row of cells
    for (Index k = 0; k < kCells; ++k) {
      row.mutable_data()[2 * k] = real((double(k) + 0.5) * kCell - kSide / 2);
      row.mutable_data()[2 * k + 1] = real((double(i) + 0.5) * kCell - kSide / 2);
    }
    const Tensor log_prob = flow.log_prob(row).value();
    for (const real value : log_prob.values()) total += g(std::exp(double{value}));
  }
  return total * kCell * kCell;
}

TEST_CASE("the density of a flow integrates to 1") {
  CHECK(integral(random_flow(), [](double p) { return p; }) == Approx(1).margin(1e-3));
}

TEST_CASE("samples and density belong to each other") {
  // The mean of log p over samples is that over the density, to four standard errors.
  const NormalizingFlow flow = random_flow();
  const double mean = integral(flow, [](double p) { return p > 0 ? p * std::log(p) : 0; });
  const double square =
      integral(flow, [](double p) { return p > 0 ? p * std::log(p) * std::log(p) : 0; });
  constexpr Index kSamples = 20'000;
  Rng rng(13);
  const Tensor log_prob = flow.log_prob(flow.sample(kSamples, rng)).value();
  double sampled = 0;
  for (const real value : log_prob.values()) sampled += value / double(kSamples);
  CHECK(std::abs(sampled - mean) < 4 * std::sqrt((square - mean * mean) / double(kSamples)));
}

TEST_CASE("the standard normal density") {
  const double log_two_pi = std::log(2 * std::numbers::pi);
  const Tensor z({{0, 0}, {1, 0}, {3, -4}});
  const Tensor log_prob = standard_normal_log_prob(z).value();
  CHECK(log_prob.shape() == Shape{3});
  CHECK(close(log_prob.at({0}), -log_two_pi, 4));
  CHECK(close(log_prob.at({1}), -log_two_pi - 0.5, 4));
  CHECK(close(log_prob.at({2}), -log_two_pi - 12.5, 4));
  CHECK(close(standard_normal_log_prob(Tensor({{1, 2, 3, 4, 5}})).value().item(),
              -2.5 * log_two_pi - 27.5, 4));
}

TEST_CASE("log_prob is that of the latent point and the determinant") {
  const NormalizingFlow flow = random_flow();
  Rng rng(14);
  const Tensor x = rng.normal({20, 2});
  const auto parts = flow.log_prob_parts(x);
  const Mapped latent = flow.transform.to_latent(x);
  CHECK(difference(parts.prior.value(), standard_normal_log_prob(latent.points).value()) == "");
  CHECK(difference(parts.log_det.value(), latent.log_det.value()) == "");
  CHECK(difference(flow.log_prob(x).value(), parts.total().value()) == "");
}

TEST_CASE("a new flow is the standard normal distribution, exactly") {
  Rng rng(15);
  const NormalizingFlow flow = NormalizingFlow::of_couplings(2, {}, rng);
  const Tensor x = rng.normal({100, 2});
  CHECK(difference(flow.log_prob(x).value(), standard_normal_log_prob(x).value()) == "");

  NormalizingFlowOptions options;
  options.coupling.start_as_identity = false;
  const NormalizingFlow random = NormalizingFlow::of_couplings(2, options, rng);
  CHECK(difference(random.log_prob(x).value(), standard_normal_log_prob(x).value()) != "");
}

TEST_CASE("gradients of a flow's loss are right for every parameter") {
  NormalizingFlowOptions options{.couplings = 3};
  options.coupling.start_as_identity = false;
  Rng rng(23);
  NormalizingFlow flow = NormalizingFlow::of_couplings(2, options, rng);
  const Tensor x = rng.normal({4, 2});
  const auto loss = [&] { return -mean(flow.log_prob(x)); };
  CHECK(without_gradient(flow.parameters(), loss) == "");
  CHECK(wrong_gradient(flow.parameters(), loss) == "");
}

TEST_CASE("the default flow has 15 couplings, 30 layers and 7230 parameters") {
  Rng rng(16);
  NormalizingFlow flow = NormalizingFlow::of_couplings(2, {}, rng);
  CHECK(flow.dim == 2);
  CHECK(flow.transform.size() == 30);
  CHECK(count(flow.parameters()) == 7230);
  CHECK(flow.parameters().front().name == "0.scale.0.weight");
  CHECK(flow.parameters().back().name == "28.shift.4.bias");
}

TEST_CASE("the order of coordinates alternates, or is drawn and saved") {
  Rng rng(17);
  const auto orders = [&](Permuting permuting) {
    const NormalizingFlow flow = NormalizingFlow::of_couplings(2, {.permuting = permuting}, rng);
    std::vector<int> swapped;
    for (const auto& [name, order] : flow.transform.constants())
      swapped.push_back(order.at({0}) == 1);
    return swapped;
  };
  CHECK(orders(Permuting::alternate) == std::vector<int>(15, 1));
  const std::vector<int> drawn = orders(Permuting::random);
  CHECK(drawn.size() == 15);
  const int swaps = std::accumulate(drawn.begin(), drawn.end(), 0);
  CHECK(swaps > 0);
  CHECK(swaps < 15);
}

TEST_CASE("states on the way begin with the points and end where the flow does") {
  Rng rng(18);
  NormalizingFlow flow = NormalizingFlow::of_couplings(2, {}, rng);
  randomize(flow.parameters(), real(0.4), 18);
  const Tensor z = rng.normal({10, 2});
  const auto there = flow.transform.states_to_data(z);
  REQUIRE(there.size() == 31);
  CHECK(difference(there.front(), z) == "");
  CHECK(difference(there.back(), flow.transform.to_data(z).points.value()) == "");
  const auto back = flow.transform.states_to_latent(there.back());
  REQUIRE(back.size() == 31);
  CHECK(difference(back.front(), there.back()) == "");
  CHECK(difference(back.back(), flow.transform.to_latent(there.back()).points.value()) == "");
  // The way back leads through the same places; 3e4 roundings, since scales up to e^2 enlarge them.
  for (std::size_t k = 0; k < 31; ++k)
    CHECK(difference(back[30 - k], reference(there[k]), 3e4, 4) == "");
}

TEST_CASE("sampling depends on the generator alone") {
  const NormalizingFlow flow = random_flow();
  Rng first(19), same(19), other(20);
  const Tensor samples = flow.sample(50, first);
  CHECK(samples.shape() == Shape{50, 2});
  CHECK(all_finite(samples));
  CHECK(difference(flow.sample(50, same), samples) == "");
  CHECK(difference(flow.sample(50, other), samples) != "");
  CHECK(difference(flow.sample(50, first), samples) != "");  // it has moved on
}

TEST_CASE("a copy of a flow is a snapshot") {
  NormalizingFlow flow = random_flow();
  NormalizingFlow best = flow;
  const std::string before = bits(best.parameters());
  randomize(flow.parameters(), 1, 21);
  CHECK(bits(best.parameters()) == before);
  CHECK(bits(flow.parameters()) != before);
  flow = best;
  CHECK(bits(flow.parameters()) == before);
  randomize(flow.parameters(), 1, 21);
  CHECK(bits(best.parameters()) == before);
}

TEST_CASE("flows that make no sense are refused") {
  Rng rng(22);
  CHECK(message_of<ShapeError>([&] { NormalizingFlow::of_couplings(2, {.couplings = 0}, rng); }) ==
        "NormalizingFlow: 0 couplings given; at least 1");
  CHECK_THROWS_AS(NormalizingFlow::of_couplings(1, {}, rng), ShapeError);
  const NormalizingFlow flow = NormalizingFlow::of_couplings(2, {}, rng);
  CHECK_THROWS_AS(flow.log_prob(ones({4, 3})), ShapeError);
  CHECK_THROWS_AS(flow.log_prob(ones({2})), ShapeError);
}

}  // namespace
}  // namespace gradflow
