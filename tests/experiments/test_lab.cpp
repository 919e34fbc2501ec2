// The laboratory of the page in the browser (experiments/browser), as this machine computes it.
// What the page computes must be the same: tests/browser/test_engine.mjs compares it with the same
// hashes.

#include <unistd.h>

#include <cmath>
#include <fstream>
#include <numbers>

#include "experiments/browser/messages.h"
#include "experiments/data/catalogue.h"
#include "experiments/run/files/safetensors.h"
#include "experiments/table/fit.h"
#include "tensor/kernels/arithmetic.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

constexpr Index kSteps = 200;

class WithArithmetic {
 public:
  explicit WithArithmetic(Arithmetic how) { set_arithmetic(how); }
  ~WithArithmetic() { set_arithmetic(before_); }
  WithArithmetic(const WithArithmetic&) = delete;
  WithArithmetic& operator=(const WithArithmetic&) = delete;

 private:
  Arithmetic before_ = arithmetic();
};

Json ask(Lab& lab, const std::string& call, const Json& args = Json::object()) {
  Arrays arrays;
  return answer(lab, call, args, arrays);
}

// On the rings, after so many steps of both models.
void prepare(Lab& lab, Json options, Index steps, const char* set = "rings_by_class") {
  ask(lab, "data", {{"set", set}});
  options["steps"] = 1000;
  ask(lab, "reset", options);
  if (steps > 0) ask(lab, "step", {{"which", "both"}, {"steps", steps}});
}

Tensor some_points() { return Rng(5).normal({50, 2}); }

TEST_CASE("lab: 200 steps give the weights that they give in the browser") {
  const WithArithmetic portable(Arithmetic::portable);
  const Json golden = Json::parse(std::ifstream(GRADFLOW_LAB_HASHES_FILE));
  REQUIRE(golden.size() == 3);
  for (const auto& [name, row] : golden.items()) {
    CAPTURE(name);
    Lab lab;
    prepare(lab, row.at("options"), kSteps);
    const Json hash = ask(lab, "hash");
    CHECK(hash["flow"] == row.at("flow"));
    CHECK(hash["matching"] == row.at("matching"));
    CHECK(hash["steps"]["flow"] == kSteps);
  }
}

TEST_CASE("lab: the flow's states lead to and from the data, seen the right way round") {
  for (const Index couplings : {4, 5}) {
    Lab lab;
    prepare(lab, {{"couplings", couplings}, {"rate", 1e-2}}, 50);
    const Solver none{euler, 1};
    const Tensor x = some_points();
    const auto back = lab.carried(Which::flow, x, Way::to_latent, none, {});
    REQUIRE(std::ssize(back) == couplings + 1);
    CHECK(largest_difference(back.front(), x) == 0);
    const auto forth = lab.carried(Which::flow, back.back(), Way::to_data, none, {});
    // The same states the other way round: none of them is exchanged.
    for (Index i = 0; i <= couplings; ++i)
      CHECK(largest_difference(back[std::size_t(i)], forth[std::size_t(couplings - i)]) < 1e-4);
    // A coupling moves one coordinate and keeps the other.
    for (std::size_t i = 1; i < back.size(); ++i) {
      int moved = 0;
      for (Index k = 0; k < 2; ++k) moved += back[i].at({0, k}) != back[i - 1].at({0, k});
      CHECK(moved == 1);
    }
  }
}

TEST_CASE("lab: densities integrate to 1, of a class and of all together", "[slow]") {
  Lab lab;
  prepare(lab, {{"by_class", true}, {"rate", 1e-2}, {"smooth", true}}, 100);
  constexpr Index kCells = 80;
  const double cell = 10.0 / kCells;
  Tensor grid({kCells * kCells, 2});
  for (Index i = 0; i < kCells * kCells; ++i) {
    grid.mutable_data()[2 * i] = real(-5 + cell * (double(i % kCells) + 0.5));
    grid.mutable_data()[2 * i + 1] = real(-5 + cell * (double(i / kCells) + 0.5));
  }
  for (const Which which : {Which::flow, Which::matching})
    for (const Label label : {Label(), Label(2)}) {
      double mass = 0;
      const Tensor log_density = lab.log_density(which, grid, 20, label);
      for (const real log_p : log_density.values()) mass += std::exp(double{log_p}) * cell * cell;
      CHECK(std::abs(mass - 1) < 0.01);
    }
}

TEST_CASE("lab: what is saved is what is loaded, and what does not fit is named") {
  Lab trained, fresh;
  prepare(trained, {{"maps", "spline"}, {"couplings", 2}}, 3);
  prepare(fresh, {{"maps", "spline"}, {"couplings", 2}, {"seed", 1}}, 0);
  for (const Which which : {Which::flow, Which::matching}) {
    CHECK(fresh.hash(which) != trained.hash(which));
    CHECK(fresh.load(trained.save(which)) == which);
    CHECK(fresh.hash(which) == trained.hash(which));
  }
  CHECK(decode_tensors(trained.save(Which::flow), "").metadata.at("model") == "spline_flow");
  const Json history =
      Json::parse(decode_tensors(trained.save(Which::flow), "").metadata.at("history"));
  const Json& noted = history["epochs"][0]["metrics"];
  const double prior = noted["log_prior"], log_det = noted["log_det"];
  CHECK(prior < -std::log(2 * std::numbers::pi));  // the highest that log p(z) can be
  CHECK(noted["validation_nll"].get<double>() == Approx(-(prior + log_det)));
  CHECK(log_det != 0);
  Lab other;
  prepare(other, {{"couplings", 3}}, 0);
  CHECK(other.load(trained.save(Which::flow)) == Which::flow);  // of other sizes, and another kind
  CHECK(other.hash(Which::flow) == trained.hash(Which::flow));
  CHECK_THROWS_AS(other.load("no such file"), Error);
}

TEST_CASE("lab: a model is kept with its training, beside others") {
  const Json options{{"seed", 2}, {"rate", 1e-2}};
  Lab unbroken, lab;
  prepare(unbroken, options, 9);
  prepare(lab, options, 4);
  lab.keep(Which::flow, 1);
  LabOptions other = lab.options();
  other.spline = true, other.couplings = 2;
  constexpr Which flow[] = {Which::flow};
  lab.reset(other, flow);
  CHECK(lab.learner(Which::flow).steps() == 0);
  CHECK(lab.learner(Which::matching).steps() == 4);  // it is the same one
  for (int i = 0; i < 5; ++i) lab.step(Which::matching), lab.step(Which::flow);
  const std::string splines = lab.hash(Which::flow);
  lab.keep(Which::flow, 2);
  for (const auto& [place, steps] : {std::pair{1, 4}, {2, 5}}) {
    lab.take(Which::flow, place);
    CHECK(lab.learner(Which::flow).steps() == steps);
  }
  CHECK(lab.hash(Which::flow) == splines);
  lab.take(Which::flow, 1);
  for (int i = 0; i < 5; ++i) lab.step(Which::flow);
  for (const Which which : kBoth) CHECK(lab.hash(which) == unbroken.hash(which));
  CHECK_THROWS_AS(lab.take(Which::matching, 1), Error);  // there is none
  other.by_class = true;
  CHECK_THROWS_AS(lab.reset(other, flow), Error);  // matching would not be told
  lab.reset(other);
  CHECK_THROWS_AS(lab.take(Which::flow, 1), Error);  // it is told no class
  CHECK_THROWS_AS(Lab().keep(Which::flow, 1), Error);
}

TEST_CASE("lab: a model that is taken back sees the data in its own units") {
  Lab lab;
  prepare(lab, Json::object(), 1);
  const Tensor first = lab.data().points;
  lab.keep(Which::flow, 0);
  Lab foreign;
  prepare(foreign, Json::object(), 0, "moons");
  lab.load(foreign.save(Which::flow));
  CHECK(largest_difference(lab.data().points, first) > 0.1);
  lab.take(Which::flow, 0);
  CHECK(largest_difference(lab.data().points, first) < 1e-5);
}

// The lab's own log p of points, in nats and in the units of the data.
std::vector<double> scores(const Lab& lab, Which which, const Tensor& raw, Label label) {
  const Tensor log_p = lab.log_density(which, lab.units().to_latent(raw).points.value(), 50, label);
  const Tensor deviation = lab.units().deviation();
  const double scale = std::log(double{deviation.at({0})} * double{deviation.at({1})});
  std::vector<double> all;
  for (const real x : log_p.values()) all.push_back(double{x} - scale);
  return all;
}

TEST_CASE("lab: what the page saves, `gradflow` scores, samples and describes", "[slow]") {
  for (const bool by_class : {false, true})
    for (const bool strong : {false, true}) {
      CAPTURE(by_class, strong);
      Lab lab;
      prepare(lab,
              {{"maps", strong ? "spline" : "affine"},
               {"couplings", strong ? 2 : 5},
               {"smooth", strong},
               {"by_class", by_class},
               {"rate", 1e-2}},
              20);
      const Tensor raw = lab.units().to_data(some_points()).points.value();
      for (const Which which : {Which::flow, Which::matching}) {
        const TableModel model = model_in(decode_tensors(lab.save(which), ""), "");
        CHECK(model.all_columns() == (by_class ? std::vector<std::string>{"x", "y", "class"}
                                               : std::vector<std::string>{"x", "y"}));
        const Tensor rows =
            by_class ? kernel::concat(std::vector{raw, Tensor({50, 1}, real(3))}, 1) : raw;
        const auto found = log_prob(model, rows);
        const auto expected = scores(lab, which, raw, by_class ? Label(3) : Label());
        for (std::size_t i = 0; i < found.size(); ++i)
          CHECK(found[i] == Approx(expected[i]).epsilon(1e-3).margin(1e-3));
        CHECK(model.architecture.kind == (which == Which::matching ? "flow-matching"
                                          : strong                 ? "spline"
                                                                   : "affine"));
        CHECK(model.facts.histories.size() == 1);
        CHECK(model.ranks.size() == 1000);
        Rng rng(1);
        CHECK(sample(model, Tensor({10, by_class ? 1 : 0}, real(0)), rng).shape() == Shape{10, 2});
      }
    }
}

TEST_CASE("lab: a model of `gradflow fit` is opened, trained further and saved as such") {
  Lab lab;
  prepare(lab, Json::object(), 0, "moons");
  Rng rng(3);
  const Tensor table = data_set("moons").sample(400, rng).points;
  for (const char* kind : {"affine", "maf", "spline", "flow-matching"}) {
    CAPTURE(kind);
    FitOptions options{.model = kind};
    options.training.epochs = 1;
    const TableModel model = fit(split({{"a", "b"}, table, 0}), options);
    const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                       fmt::format("gradflow_lab_{}.safetensors", ::getpid());
    save_model(path, model);
    const std::string bytes = read_file(path);
    std::filesystem::remove(path);
    const Which which = lab.load(bytes);
    CHECK(which == (kind == std::string("flow-matching") ? Which::matching : Which::flow));
    const Tensor raw = table.rows(0, 20);
    const auto found = scores(lab, which, raw, {});
    const auto expected = log_prob(model, raw);
    for (std::size_t i = 0; i < found.size(); ++i)
      CHECK(found[i] == Approx(expected[i]).epsilon(1e-3).margin(1e-3));
    const auto there = lab.carried(which, some_points(), Way::to_latent, {runge_kutta4, 50}, {});
    const auto back = lab.carried(which, there.back(), Way::to_data, {runge_kutta4, 50}, {});
    CHECK(largest_difference(back.back(), some_points()) < 1e-2);
    const TableModel same = model_in(decode_tensors(lab.save(which), ""), "");
    CHECK(same.hash() == model.hash());
    CHECK(same.facts.warnings == model.facts.warnings);
    lab.step(which);
    const TableModel further = model_in(decode_tensors(lab.save(which), ""), "");
    CHECK(further.hash() != model.hash());
    REQUIRE(further.facts.warnings.size() == model.facts.warnings.size() + 1);
    CHECK(further.facts.warnings.back().starts_with("trained for 1 steps more in the page"));
    CHECK(further.columns == model.columns);
  }
}

TEST_CASE("lab: a file may be of other sizes, but not of other classes than the page's") {
  Lab small, large;
  prepare(small, {{"couplings", 3}}, 2, "moons");
  prepare(large, {{"couplings", 6}}, 2, "moons");
  CHECK(large.load(small.save(Which::flow)) == Which::flow);
  CHECK(large.hash(Which::flow) == small.hash(Which::flow));
  CHECK(std::ssize(large.carried(Which::flow, some_points(), Way::to_data, {euler, 1}, {})) == 4);
  CHECK(large.learner(Which::flow).steps() == 0);  // its training begins here
  // Permutations that were drawn, of which half do nothing; and scales without a bound.
  TensorFile file = decode_tensors(small.save(Which::flow), "");
  file.tensors["3.order"] = Tensor({2}, {0, 1});
  file.metadata["scale_bound"] = "none";
  CHECK(large.load(encode_tensors(file)) == Which::flow);
  const Tensor x = some_points();
  const auto back = large.carried(Which::flow, x, Way::to_latent, {euler, 1}, {});
  const auto forth = large.carried(Which::flow, back.back(), Way::to_data, {euler, 1}, {});
  CHECK(largest_difference(forth.back(), x) < 1e-4);
  for (std::size_t i = 1; i < back.size(); ++i) {
    int moved = 0;
    for (Index k = 0; k < 2; ++k) moved += back[i].at({0, k}) != back[i - 1].at({0, k});
    CHECK(moved == 1);
  }
  Lab told;
  prepare(told, {{"by_class", true}}, 1);
  CHECK_THROWS_WITH(told.load(small.save(Which::matching)),
                    Catch::Matchers::Contains("it is told no class, and the models of this page "
                                              "one of 5"));
  CHECK_THROWS_WITH(small.load(told.save(Which::matching)),
                    Catch::Matchers::Contains("it is told one of 5 classes, and"));
}

TEST_CASE("lab: optimal pairs are shorter, and what a solver's steps cost falls with their number",
          "[slow]") {
  Lab lab;
  prepare(lab, {{"rate", 1e-2}}, 300, "moons");
  const auto length = [](const Lab::Pairs& pairs) {
    double sum = 0;
    for (Index i = 0; i < pairs.noise.size(); ++i)
      sum += std::pow(double{pairs.noise.data()[i]} - double{pairs.points.data()[i]}, 2);
    return sum;
  };
  CHECK(length(lab.pairs(true)) < 0.7 * length(lab.pairs(false)));
  const Lab::Cost many = lab.cost({euler, 100}), few = lab.cost({euler, 8});
  const Lab::Cost better = lab.cost({heun, 8}), one = lab.cost({euler, 1});
  CHECK(std::abs(many.lost) < 0.02);
  CHECK(many.folded == 0);
  CHECK(few.lost > many.lost);
  CHECK(std::abs(better.lost) < std::abs(few.lost) / 2);
  CHECK(one.folded > 0.05);
  CHECK(one.exact == many.exact);  // the model's own, whatever is left out of the rest
}

TEST_CASE("lab: a drawing is seen where it was drawn, and any other data in its deviations") {
  Tensor raw({64, 2});
  for (Index i = 0; i < raw.size(); ++i) raw.mutable_data()[i] = real(i % 7) / 3;
  Lab lab;
  lab.set_data({raw, {}}, 0, false);
  CHECK(largest_difference(lab.data().points, raw) == 0);
  lab.set_data({raw, {}}, 0);
  double sum = 0, square = 0;
  for (const real x : lab.data().points.values()) sum += double{x}, square += double{x} * double{x};
  CHECK(std::abs(sum / 128) < 1e-5);
  CHECK(std::abs(square / 128 - 1) < 1e-5);
}

TEST_CASE("lab: questions that make no sense are refused") {
  Lab lab;
  CHECK_THROWS_AS(ask(lab, "reset"), Error);  // no data yet
  CHECK_THROWS_AS(ask(lab, "hash"), Error);   // no models
  CHECK_THROWS_AS(ask(lab, "data", {{"set", "nothing"}}), Error);
  prepare(lab, Json::object(), 0, "moons");
  CHECK_THROWS_AS(ask(lab, "nothing"), Error);
  CHECK_THROWS_AS(ask(lab, "reset", {{"maps", "cubic"}}), Error);
  CHECK_THROWS_AS(ask(lab, "reset", {{"couplings", 0}}), Error);
  CHECK_THROWS_AS(ask(lab, "density", {{"which", "flow"}}), std::exception);  // no points
  CHECK_THROWS_AS(ask(lab, "samples", {{"n", 10}, {"steps", 0}}), Error);
  Arrays few{{std::vector<float>(126, 1.f)}, {}};  // 63 points
  CHECK_THROWS_AS(answer(lab, "data", {{"points", {{"$array", 0}}}}, few), Error);
}

}  // namespace
}  // namespace gradflow
