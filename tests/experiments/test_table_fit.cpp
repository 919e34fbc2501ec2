// What is fitted to tables: mixtures, kernel densities, flows; and that a file holds all of a
// model.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <numbers>

#include "experiments/metrics/choice.h"
#include "experiments/metrics/kernel_density.h"
#include "experiments/table/fit.h"
#include "experiments/table/mixtures.h"
#include "experiments/table/plane_model.h"
#include "tests/catch.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

// Two Gaussians, one of three times the weight: p is known.
Tensor two_gaussians(Index n, Rng& rng) {
  Tensor points = rng.normal({n, 2});
  const Tensor which = rng.uniform({n});
  real* const out = points.mutable_data();
  for (Index i = 0; i < n; ++i) {
    const bool first = which.data()[i] < real(0.75);
    out[2 * i + 1] += real(0.5) * out[2 * i];  // correlated
    out[2 * i] += first ? -3 : 4;
  }
  return points;
}
double two_gaussians_log_p(double x, double y) {
  const auto normal = [&](double mean) {
    const double u = x - mean, v = y - u / 2;
    return std::exp(-(u * u + v * v) / 2) / (2 * std::numbers::pi);
  };
  return std::log(0.75 * normal(-3) + 0.25 * normal(4));
}

// A bow with a class on each side, and a class column behind.
Table bow(Index n, std::uint64_t seed) {
  Rng rng(seed);
  const Tensor x = rng.normal({n, 1}), noise = rng.normal({n, 1});
  Tensor values({n, 3});
  for (Index i = 0; i < n; ++i) {
    const double u = x.data()[i];
    values.mutable_data()[3 * i] = static_cast<real>(1000 + 50 * u);
    values.mutable_data()[3 * i + 1] = static_cast<real>(u * u + 0.2 * noise.data()[i]);
    values.mutable_data()[3 * i + 2] = u > 0 ? 2 : 5;
  }
  return {{"a", "b", "side"}, values, 0, {}};
}
Table without_class(const Table& table) {
  return {{"a", "b"}, kernel::slice(table.values, 1, 0, 2), 0, {}};
}

// An empty directory that is removed.
struct Scratch {
  fs::path path = fs::temp_directory_path() / fmt::format("gradflow_table_{}", ::getpid());
  Scratch() { fs::create_directories(path); }
  ~Scratch() { fs::remove_all(path); }
};

FitOptions small_maf() {
  FitOptions options;
  options.model = "maf";
  options.training.epochs = 4;
  options.architecture.layers = 2;
  options.architecture.units = 16;
  return options;
}

}  // namespace

TEST_CASE("One Gaussian is the mean and the covariance of its points", "[table][mixture]") {
  const Tensor points({{1, 2}, {3, 2}, {1, 6}, {3, 8}});
  const Mixture fitted = fit_mixture(points, {.components = 1, .floor = 0.25}, Rng(0));
  CHECK(fitted.means.at({0, 0}) == Approx(2));
  CHECK(fitted.means.at({0, 1}) == Approx(4.5));
  // S = [[1.25, 0.5], [0.5, 7]]: the floor is in the variances.
  const double determinant = 1.25 * 7 - 0.25, u = 1, v = -0.5;
  const double square = (7 * u * u - 2 * 0.5 * u * v + 1.25 * v * v) / determinant;
  const double expected = -std::log(2 * std::numbers::pi) - std::log(determinant) / 2 - square / 2;
  CHECK(log_prob(fitted, Tensor({{3, 4}})).item() == Approx(expected).epsilon(1e-5));
}

TEST_CASE("A mixture finds the Gaussians that points come from", "[table][mixture]") {
  Rng rng(3);
  const Tensor points = two_gaussians(20'000, rng), fresh = two_gaussians(20'000, rng);
  const Mixture fitted = fit_mixture(points, {.components = 2, .floor = 1e-6}, Rng(1));
  const Index left = fitted.means.at({0, 0}) < 0 ? 0 : 1;
  CHECK(fitted.weights.at({left}) == Approx(0.75).margin(0.01));
  CHECK(fitted.means.at({left, 0}) == Approx(-3).margin(0.05));
  CHECK(fitted.means.at({1 - left, 0}) == Approx(4).margin(0.05));
  // Its divergence from the truth: 11 free numbers cost 11 / 2 n nats on average.
  double truth = 0;
  for (Index i = 0; i < fresh.rows(); ++i)
    truth += two_gaussians_log_p(fresh.at({i, 0}), fresh.at({i, 1})) / double(fresh.rows());
  const double reached = mean(log_prob(fitted, fresh)).item();
  CHECK(truth - reached < 2e-3);
  CHECK(truth - reached > -1e-3);
  const Mixture again = fit_mixture(points, {.components = 2, .floor = 1e-6}, Rng(1));
  CHECK(hash_tensors(tensors(again)) == hash_tensors(tensors(fitted)));
}

TEST_CASE("A mixture's log p integrates to 1, alone and under what is given", "[table][mixture]") {
  Rng rng(4);
  const Mixture fitted = fit_mixture(two_gaussians(500, rng), {.components = 3}, Rng(1));
  constexpr Index kCells = 400;
  const double low = -12, step = 24.0 / kCells;
  double all = 0, of_second = 0;
  for (Index i = 0; i < kCells; ++i) {
    Tensor row({kCells, 2});
    for (Index k = 0; k < kCells; ++k) {
      row.mutable_data()[2 * k] = static_cast<real>(low + (double(i) + 0.5) * step);
      row.mutable_data()[2 * k + 1] = static_cast<real>(low + (double(k) + 0.5) * step);
    }
    all += sum(exp(log_prob(fitted, row))).item() * step * step;
    if (i == 150) of_second = sum(exp(log_prob(fitted, row, 1))).item() * step;
  }
  CHECK(all == Approx(1).margin(1e-3));
  CHECK(of_second == Approx(1).margin(1e-3));
}

TEST_CASE("A mixture's samples have its own distribution, also under what is given",
          "[table][mixture]") {
  Rng rng(5);
  const Mixture fitted = fit_mixture(two_gaussians(5000, rng), {.components = 2}, Rng(1));
  const Tensor free = sample(fitted, Tensor({20'000, 0}), rng);
  CHECK(free.shape() == Shape{20'000, 2});
  const auto near = [](double a, double b) { return std::abs(a - b) < 0.1; };  // 4 errors and more
  const Var expected = matmul(reshape(fitted.weights, {1, 2}), fitted.means);
  CHECK(near(mean(slice(free, 1, 0, 1)).item(), expected.value().at({0, 0})));
  CHECK(near(mean(slice(free, 1, 1, 2)).item(), expected.value().at({0, 1})));
  CHECK(near(mean(square(slice(free, 1, 1, 2))).item(), 1.25));
  // A point at x = 5 is of the Gaussian on the right, where y is half of what x is beyond 4; its
  // deviation is 1 over P's last number.
  const Tensor second = sample(fitted, Tensor({20'000, 1}, real(5)), rng);
  CHECK(second.shape() == Shape{20'000, 1});
  CHECK(near(mean(second).item(), 0.5));
  const Index right = fitted.means.at({0, 0}) > 0 ? 0 : 1;
  const double deviation = 1 / fitted.factors.at({right, 1, 1});
  CHECK(std::sqrt(mean(square(second - mean(second))).item()) == Approx(deviation).epsilon(0.03));
}

TEST_CASE("Mixtures refuse what makes no sense", "[table][mixture]") {
  const Tensor points = ones({5, 2});
  CHECK(contains(message_of<ShapeError>([&] { fit_mixture(ones(Shape{5}), {}, Rng(0)); }), "(5)"));
  CHECK(contains(message_of<ShapeError>([&] { fit_mixture(points, {.components = 6}, Rng(0)); }),
                 "6 components for 5 points"));
  CHECK(contains(message_of<ShapeError>([&] { fit_mixture(points, {.floor = 0}, Rng(0)); }),
                 "a floor of 0"));
  CHECK(contains(message_of<ShapeError>([] { standard_mixture(0, 1); }), "0 components"));
  // Points that all agree, and more components than places: what is left is the floor.
  const Mixture flat = fit_mixture(points, {.components = 2, .floor = 1}, Rng(0));
  CHECK(all_finite(log_prob(flat, points).value()));
}

TEST_CASE("The search for a mixture outlasts sizes that are no better, and tries floors last",
          "[table][mixture]") {
  // The fit of options is those options; scores by size, then by floor.
  const auto itself = [](const MixtureOptions& options) { return options; };
  std::vector<Index> sizes;
  const auto score = [&](const MixtureOptions& options) {
    sizes.push_back(options.components);
    const std::map<Index, double> of_size{{2, 1}, {4, 3}, {8, 2}, {16, 4}, {32, 0}, {64, 0}};
    return of_size.at(options.components) + (options.floor == 0.5 ? 0.5 : 0);
  };
  const auto chosen = choose_mixture({.floors = {1, 0.5, 2}, .patience = 2}, itself, score);
  CHECK(chosen.options.components == 16);
  CHECK(chosen.options.floor == 0.5);
  CHECK(chosen.score == 4.5);
  CHECK(sizes == std::vector<Index>{2, 4, 8, 16, 32, 64, 16, 16});
  sizes.clear();
  CHECK(choose_mixture({.patience = 1}, itself, score).options.components == 4);
  CHECK(sizes == std::vector<Index>{2, 4, 8});
  sizes.clear();
  CHECK(choose_mixture({.most = 5}, itself, score).options.components == 4);
  CHECK(choose_mixture({.most = 1}, itself, [](auto) { return 0.0; }).options.components == 1);
  CHECK(choose_mixture({.stop = [] { return true; }}, itself, score).options.components == 2);
  CHECK(choose_width(1, [](double width) { return -std::abs(width - 0.2); }) ==
        Approx(0.2).epsilon(0.1));
}

TEST_CASE("A kernel density is the mean of its Gaussians", "[table]") {
  const Tensor centres({{0, 0}, {2, 0}});
  const double h = 0.5;
  const auto kernel_at = [&](double square) {
    return std::exp(-square / (2 * h * h)) / (2 * std::numbers::pi * h * h);
  };
  const std::vector<double> log_p = kernel_log_density(centres, h, Tensor({{0, 1}, {40, 0}}));
  CHECK(log_p[0] == Approx(std::log((kernel_at(1) + kernel_at(5)) / 2)).epsilon(1e-12));
  // Far away, where each term is 0 in double.
  CHECK(log_p[1] ==
        Approx(std::log(0.5 / (2 * std::numbers::pi * h * h)) - 38.0 * 38 / (2 * h * h)));
  Rng rng(1);
  CHECK(choose_width(rng.normal({500, 1}), rng.normal({500, 1})) == Approx(0.3).margin(0.2));
  CHECK(contains(message_of<ShapeError>([&] { kernel_log_density(centres, 0, centres); }),
                 "0 given"));
}

TEST_CASE("Conditions become numbers of size 1, and refuse what they have not seen", "[table]") {
  const Tensor rows({{9, 1, 10}, {9, 3, 20}, {9, 3, real(30.5)}});
  const Conditions conditions =
      conditions_of({.names = {"a", "class", "x"}, .training = rows}, {"class", "x"});
  CHECK(conditions.columns[0].classes == std::vector<double>{1, 3});
  CHECK(conditions.columns[1].classes.empty());
  CHECK(conditions.size() == 3);
  CHECK(conditions.groups() == 2);
  const Tensor encoded = conditions.encode(kernel::slice(rows, 1, 1, 3));
  CHECK(mean(slice(encoded, 1, 0, 1)).item() == Approx(0).margin(1e-6));  // x comes first
  CHECK(encoded.at({0, 1}) == 1);
  CHECK(encoded.at({0, 2}) == 0);
  CHECK(encoded.at({2, 2}) == 1);
  CHECK(conditions.groups_of(encoded) == std::vector<Index>{0, 1, 1});
  // With two columns of classes each combination is a group of its own.
  const Tensor pairs({{9, 1, 0}, {9, 3, 1}, {9, 1, 2}, {9, 3, 0}});
  const Conditions two =
      conditions_of({.names = {"a", "class", "x"}, .training = pairs}, {"class", "x"});
  CHECK(two.groups() == 6);
  CHECK(two.groups_of(two.encode(kernel::slice(pairs, 1, 1, 3))) == std::vector<Index>{0, 4, 2, 3});
  const Tensor row = conditions.row({{"class", "3"}, {"x", "2e1"}});
  CHECK(row.at({0, 0}) == 3);
  CHECK(row.at({0, 1}) == 20);
  const auto error = [&](const std::map<std::string, std::string>& texts) {
    return message_of<FileError>([&] { conditions.encode(conditions.row(texts)); });
  };
  CHECK(contains(error({{"class", "2"}, {"x", "1"}}), "class = 2 given; it is one of: 1, 3"));
  CHECK(contains(error({{"class", "1"}}), "x is not given"));
  CHECK(contains(error({{"class", "1"}, {"x", "much"}}), "x = \"much\" given"));
  CHECK(contains(error({{"klass", "1"}, {"x", "1"}}), "the model's conditions are: class, x"));
}

TEST_CASE("Classes may be words, and be in one part of a table alone", "[table]") {
  const Split parts{.names = {"a", "sort"},
                    .training = Tensor({{9, 1}, {9, 0}, {8, 1}}),
                    .validation = Tensor({{7, 2}}),
                    .test = Tensor({{7, 1}}),
                    .words = {{"sort", {"rose", "iris", "lily"}}}};
  const Conditions conditions = conditions_of(parts, {"sort"});
  CHECK(conditions.columns[0].classes == std::vector<double>{0, 1, 2});
  CHECK(conditions.columns[0].text_of(1) == "iris");
  const Tensor row = conditions.row({{"sort", "lily"}});
  CHECK(row.item() == 2);
  CHECK(conditions.encode(row).at({0, 2}) == 1);
  CHECK(contains(message_of<FileError>([&] {
                   conditions.row({{"sort", "2"}});
                 }),
                 "sort = 2 given; it is one of: rose, iris, lily"));
  const std::vector<std::string> warnings = check_conditions(conditions, parts.training);
  REQUIRE(warnings.size() == 3);
  CHECK(contains(warnings[2], "sort = lily has 0 rows to train on"));
}

TEST_CASE("A class of which no row is there to train on", "[table]") {
  Split parts = split(bow(2000, 3), {.seed = 1});
  Tensor lost(parts.validation.shape(), parts.validation.values());
  lost.mutable_data()[2] = 0;
  parts.validation = lost;
  parts.words = {{"side", {"lost", "", "right", "", "", "left"}}};
  for (const char* kind : {"mixture", "maf"}) {
    FitOptions options = small_maf();
    options.model = kind;
    options.given = {"side"};
    const TableModel model = fit(parts, options);
    CHECK(model.conditions.columns[0].classes == std::vector<double>{0, 2, 5});
    CHECK(std::isfinite(model.facts.on_validation.at(kind).value));
    const Scratch scratch;
    save_model(scratch.path / "m", model);
    const TableModel loaded = load_model(scratch.path / "m");
    CHECK(loaded.words() == parts.words);
    Rng rng(1);
    const Tensor given = loaded.conditions.row({{"side", "lost"}});
    CHECK(all_finite(sample(loaded, given, rng)));
  }
}

TEST_CASE("Noise on a grid stays within its cell", "[table]") {
  Rng rng(2);
  const Tensor points({{1, 5}, {2, 6}, {3, 7}});
  const Tensor noisy = dequantised(points, {0.5, 0}, rng);
  for (Index i = 0; i < 3; ++i) {
    CHECK(noisy.at({i, 0}) >= points.at({i, 0}));
    CHECK(noisy.at({i, 0}) < points.at({i, 0}) + real(0.5));
    CHECK(noisy.at({i, 1}) == points.at({i, 1}));
  }
}

TEST_CASE("Log p is in the table's units: a Gaussian far from 0 and of any width", "[table]") {
  Rng rng(6);
  Tensor values = rng.normal({4000, 2});
  for (Index i = 0; i < 4000; ++i) {
    values.mutable_data()[2 * i] = 1000 + 50 * values.data()[2 * i];
    values.mutable_data()[2 * i + 1] = real(1e-3) * values.data()[2 * i + 1];
  }
  const TableModel model = fit(split({{"a", "b"}, values, 0, {}}), {.model = "gaussian"});
  const double entropy = 1 + std::log(2 * std::numbers::pi) + std::log(50 * 1e-3);
  CHECK(model.facts.on_test.at("gaussian").value == Approx(-entropy).margin(0.15));
  const std::vector<double> at_mean = log_prob(model, Tensor({{1000, 0}}));
  CHECK(at_mean[0] == Approx(-std::log(2 * std::numbers::pi * 50 * 1e-3)).margin(0.1));
}

TEST_CASE("A fit repeats bit by bit, whatever the threads, and a flow beats a Gaussian on a bow",
          "[table][slow]") {
  const Split parts = split(without_class(bow(3000, 1)), {.seed = 1});
  const TableModel model = fit(parts, small_maf()), again = fit(parts, small_maf());
  CHECK(model.hash() == again.hash());
  CHECK(model.facts.on_validation.at("maf").value > model.facts.on_validation.at("gaussian").value);
  FitOptions other = small_maf();
  other.training.seed = 1;
  CHECK(fit(parts, other).hash() != model.hash());
  CHECK(model.ranks.size() == parts.training.rows());
  CHECK(rank(model, -1e9) == 0);
  CHECK(rank(model, 1e9) == 1);
}

TEST_CASE("What is kept is the flow as it was when it was best", "[table]") {
  const Split parts = split(without_class(bow(1000, 1)), {.seed = 1});
  FitOptions options = small_maf();
  options.training.epochs = 12;
  const TableModel model = fit(parts, options);
  double best = std::numeric_limits<double>::infinity();
  for (const Epoch& epoch : model.facts.histories.at("maf").epochs)
    best = std::min(best, epoch.metrics.at("validation"));
  CHECK(-model.facts.on_validation.at("maf").value == Approx(best).epsilon(1e-5));
}

TEST_CASE("A training without improvement ends", "[table]") {
  const Split parts = split(without_class(bow(200, 1)), {.seed = 1});
  FitOptions options = small_maf();
  options.training.epochs = 5000;
  options.training.learning_rate = 0.02;
  options.patience = 3;
  const TableModel model = fit(parts, options);
  const auto& epochs = model.facts.histories.at("maf").epochs;
  REQUIRE(epochs.size() < 5000);
  std::size_t best = 0;
  for (std::size_t i = 0; i < epochs.size(); ++i)
    if (epochs[i].metrics.at("validation") < epochs[best].metrics.at("validation")) best = i;
  CHECK(epochs.size() == best + 1 + 3);
  CHECK(!model.facts.stopped);
  // What is kept is the flow of three epochs before the end.
  CHECK(-model.facts.on_validation.at("maf").value ==
        Approx(epochs[best].metrics.at("validation")).epsilon(1e-5));
}

TEST_CASE("What is kept says what it gains over the best of the other sort", "[table]") {
  const Scratch scratch;
  const Split parts = split(without_class(bow(400, 1)), {.seed = 1});
  FitOptions options = small_maf();
  options.training.epochs = 1;
  options.model = "auto";  // after one epoch flows have learned nothing: a mixture is kept
  const Facts kept = fit(parts, options).facts;
  REQUIRE(kept.gain.has_value());
  CHECK((kept.gain_over == "maf" || kept.gain_over == "spline"));
  const auto& reached = kept.on_validation;
  CHECK(reached.at(kept.gain_over).value >=
        std::max(reached.at("maf").value, reached.at("spline").value));
  CHECK(kept.gain->value ==
        Approx(reached.at("mixture").value - reached.at(kept.gain_over).value).epsilon(1e-6));
  // Asked for a flow, it is that, however bad, and loses to the mixture.
  options.model = "maf";
  const TableModel worse = fit(parts, options);
  CHECK(worse.facts.gain_over == "mixture");
  CHECK(worse.facts.gain->value < 0);
  save_model(scratch.path / "worse.safetensors", worse);
  const Facts loaded = load_model(scratch.path / "worse.safetensors").facts;
  CHECK(loaded.gain->value == worse.facts.gain->value);
  CHECK(loaded.gain_over == "mixture");

  // A number changed, of what is not the flow's: ranks rise, and are numbers.
  const TensorFile saved = load_tensors(scratch.path / "worse.safetensors");
  const Tensor ranks = saved.at("ranks");
  for (const real wrong : {real(1e30), std::numeric_limits<real>::quiet_NaN()})
    for (const Index at : {Index{0}, ranks.size() / 2}) {
      TensorFile damaged = saved;
      damaged.tensors["ranks"].mutable_data()[at] = wrong;
      CHECK(contains(message_of<FileError>([&] { model_in(damaged, "it"); }),
                     "its ranks are not in order"));
    }
  options.model = "mixture";  // and without a flow there is nothing to compare with
  CHECK(!fit(parts, options).facts.gain.has_value());
}

TEST_CASE("A model comes back from its file, of every kind and with conditions", "[table]") {
  const Scratch scratch;
  const Split parts = split(bow(400, 2), {.seed = 2});
  for (const std::string& kind : kKinds) {
    INFO(kind);
    FitOptions options = small_maf();
    options.model = kind;
    options.given = {"side"};
    options.training.epochs = 2;
    const TableModel model = fit(parts, options);
    const fs::path path = scratch.path / (kind + ".safetensors");
    save_model(path, model);
    const TableModel loaded = load_model(path);
    const Tensor rows = parts.test.rows(0, 20);
    CHECK(log_prob(loaded, rows) == log_prob(model, rows));
    CHECK(loaded.hash() == model.hash());
    CHECK(loaded.columns == std::vector<std::string>{"a", "b"});
    CHECK(loaded.all_columns() == std::vector<std::string>{"a", "b", "side"});
    CHECK(loaded.facts.on_test.at(kind).value == model.facts.on_test.at(kind).value);
    CHECK(hash_tensors({{"r", loaded.ranks}}) == hash_tensors({{"r", model.ranks}}));
    Rng one(3), two(3);
    const Tensor given({100, 1}, real(5));
    const Tensor samples = sample(model, given, one);
    CHECK(hash_tensors({{"s", sample(loaded, given, two)}}) == hash_tensors({{"s", samples}}));
    // Of side 5 are the points to the left.
    Index left = 0;
    for (Index i = 0; i < 100; ++i) left += samples.at({i, 0}) < 1000;
    if (is_mixture(kind)) CHECK(left > 60);  // two epochs do not teach a flow
    const Flow flow = load_flow(path);
    CHECK(flow.dim() == 2);
    CHECK(flow.context() == 2);
  }
}

TEST_CASE("A model of two columns is one of the plane, and goes back into the same file",
          "[table]") {
  const Scratch scratch;
  const fs::path path = scratch.path / "model.safetensors";
  for (const bool told : {false, true}) {
    const Table table = bow(300, 2);
    const Split parts = split(told ? table : without_class(table), {.seed = 2});
    const Tensor rows = parts.test.rows(0, 20);
    for (const std::string& kind : kKinds) {
      CAPTURE(kind, told);
      FitOptions options = small_maf();
      options.model = kind;
      if (told) options.given = {"side"};
      options.training.epochs = 1;
      save_model(path, fit(parts, options));
      const TensorFile file = load_tensors(path);
      if (is_mixture(kind)) {
        CHECK(contains(message_of<FileError>([&] { plane_model_in(file); }), "no way from noise"));
        continue;
      }
      const TableModel model = load_model(path);
      const PlaneModel plane = plane_model_in(file);
      CHECK(plane.classes == (told ? 2 : 0));
      CHECK(plane.flow.has_value() == (kind != "flow-matching"));
      CHECK(plane.made_of.kind == kind);
      CHECK(plane.made_of.units == 16);
      const Var given =
          told ? Var(model.conditions.encode(kernel::slice(rows, 1, 2, 3))) : no_context;
      const Tensor found = flow_of(plane).log_prob(kernel::slice(rows, 1, 0, 2), given).value();
      const std::vector<double> expected = log_prob(model, rows);
      for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(double{found.data()[i]} == Approx(expected[i]).epsilon(1e-4));
      const TensorFile again = file_of(plane);
      CHECK(hash_tensors(again.tensors) == hash_tensors(file.tensors));
      CHECK(again.metadata == file.metadata);
    }
  }
}

TEST_CASE("What is no model of the plane is refused, with the reason", "[table]") {
  const Scratch scratch;
  FitOptions options = small_maf();
  options.training.epochs = 1;
  const fs::path path = scratch.path / "model.safetensors";
  const auto file_with = [&](const Table& table) {
    save_model(path, fit(split(table, {.seed = 2}), options));
    return load_tensors(path);
  };
  const auto error = [](const TensorFile& file) {
    return message_of<FileError>([&] { plane_model_in(file); });
  };
  CHECK(error(file_with(bow(200, 1))) == "it is of 3 coordinates; of 2, a plane, is required");
  CHECK(error({}) == "it does not say its \"format\"");
  CHECK(contains(error({{}, {{"format", "pt"}}}), "it is a \"pt\"; a \"gradflow model 1\" or"));
  const TensorFile good = file_with(without_class(bow(200, 1)));
  CHECK(error(good) == "no error");
  const auto changed = [&](const std::function<void(TensorFile&)>& change) {
    TensorFile file = good;
    change(file);
    return error(file);
  };
  CHECK(contains(changed([](TensorFile& f) { f.tensors.erase("flow.1.mean"); }), "1.mean"));
  CHECK(contains(changed([](TensorFile& f) { f.tensors.erase("flow.0.0.0.bias"); }), "no network"));
  CHECK(contains(changed([](TensorFile& f) { f.metadata["conditions"].assign(1, '['); }),
                 "cannot be read"));
  CHECK(contains(changed([](TensorFile& f) {  // sizes are believed only so far
                   f.tensors["flow.0.0.0.bias"] = zeros({5000});
                 }),
                 "5000 units; at most"));
  CHECK(contains(changed([](TensorFile& f) { f.tensors["flow.0.0.1.bias"] = zeros({4096}); }),
                 "0.1.weight is not from 16 to 4096 units"));
  options.given = {"b", "side"};
  Table two = bow(200, 1);
  two.names = {"a", "b", "side"};
  CHECK(error(file_with(two)) != "no error");
}

TEST_CASE("A file that is no model is refused in one line", "[table]") {
  const Scratch scratch;
  const TableModel model = fit(split(without_class(bow(200, 1))), {.model = "mixture"});
  const fs::path path = scratch.path / "model.safetensors";
  save_model(path, model);
  const TensorFile good = load_tensors(path);
  const auto error = [&](const std::function<void(TensorFile&)>& change) {
    TensorFile file = good;
    change(file);
    return message_of<FileError>([&] { model_in(file, "f"); });
  };
  CHECK(error([](TensorFile&) {}) == "no error");
  for (const auto& [key, text] : good.metadata) {
    INFO(key);
    const std::string missing = error([&, name = key](TensorFile& f) { f.metadata.erase(name); });
    CHECK(contains(missing, "load: f: not a model of a table: "));
    const std::string wrong = error([&, name = key](TensorFile& f) { f.metadata[name] = "{]"; });
    CHECK(contains(wrong, "load: f: not a model of a table: "));
  }
  for (const auto& [name, x] : good.tensors) {
    INFO(name);
    CHECK(contains(error([&, key = name](TensorFile& f) { f.tensors.erase(key); }), "load: f: "));
  }
  CHECK(contains(error([](TensorFile& f) { f.metadata["layers"] = "1000000"; }), "layers"));
  CHECK(contains(error([](TensorFile& f) { f.metadata["format"] = "a\nb"; }), "it is a \"a b\""));
  CHECK(contains(error([](TensorFile& f) { f.metadata["grid"] = "[-1, 0]"; }), "its grid is not"));
  CHECK(contains(error([](TensorFile& f) { f.metadata["grid"] = "[1e300, 0]"; }), "its grid is"));
  CHECK(contains(error([](TensorFile& f) {
                   f.tensors.at("flow.base.0.means").mutable_data()[0] =
                       std::numeric_limits<real>::quiet_NaN();
                 }),
                 "tensor \"flow.base.0.means\" has a number that is not finite"));
}

TEST_CASE("Any number of a model's file that is another is seen", "[table]") {
  const Scratch scratch;
  FitOptions options = small_maf();
  options.given = {"side"};
  options.training.epochs = 1;
  const fs::path path = scratch.path / "model.safetensors";
  save_model(path, fit(split(bow(200, 1)), options));
  const std::string bytes = read_file(path);
  const TensorFile good = load_tensors(path);
  const auto error = [](const std::string& file) {
    return message_of<FileError>([&] { model_in(decode_tensors(file, "f"), "f"); });
  };
  CHECK(error(bytes) == "no error");
  // One bit of each tensor: weights, masks' orders, units, ranks.
  std::size_t end = bytes.size();
  for (auto at = good.tensors.rbegin(); at != good.tensors.rend(); ++at) {
    INFO(at->first);
    std::string changed = bytes;
    changed[end - 1] = static_cast<char>(changed[end - 1] ^ 1);
    CHECK(contains(error(changed), "load: f: its numbers or texts are not those that were saved"));
    end -= at->second.values().size_bytes();
  }
  // A digit of each text that has one: sizes, classes' values, what is told of a number.
  for (const auto& [key, text] : good.metadata) {
    const std::size_t digit = text.find_first_of("0123456789");
    if (digit == text.npos) continue;
    INFO(key);
    TensorFile file = good;
    file.metadata.at(key)[digit] = text[digit] == '1' ? '2' : '1';
    const std::string other = encode_tensors(file);
    const std::size_t hash = bytes.find("gradflow_hash") + 16;
    CHECK(contains(error(std::string(other).replace(hash, 16, bytes, hash, 16)),
                   "not those that were saved"));
  }
  // As older versions wrote it, without a hash: it is believed.
  std::string old = bytes;
  old.replace(old.find("gradflow_hash"), 13, "nothing_there");
  CHECK(error(old) == "no error");
}

TEST_CASE("Sizes are believed only as far as a file has numbers", "[table]") {
  FitOptions options = small_maf();
  options.given = {"side"};
  options.training.epochs = 1;
  for (const std::string& kind : kKinds) {
    INFO(kind);
    options.model = kind;
    TensorFile file = file_of(fit(split(bow(200, 1)), options));
    CHECK(message_of<FileError>([&] { model_in(file, "f"); }) == "no error");
    if (is_mixture(kind)) {  // 50 000 classes: as many mixtures
      std::string classes = "0";
      for (int k = 1; k < 50'000; ++k) classes += fmt::format(",{}", k);
      file.metadata["conditions"] = fmt::format(
          R"([{{"name":"side","classes":[{}],"mean":0,"deviation":1,"words":[]}}])", classes);
    } else {  // 60 GB
      file.metadata["units"] = "4096";
      file.metadata["layers"] = "100";
      file.metadata["depth"] = "10";
    }
    CHECK(contains(message_of<FileError>([&] { model_in(file, "f"); }), "too few for the sizes"));
  }
}

TEST_CASE("A fit that is stopped goes on to the same bits", "[table][slow]") {
  const Scratch scratch;
  const Split parts = split(without_class(bow(600, 3)), {.seed = 1});
  const TableModel whole = fit(parts, small_maf());
  for (const int steps : {1, 6, 14}) {
    INFO(steps);
    const fs::path directory = scratch.path / fmt::format("{}", steps);
    fs::create_directories(directory);
    std::atomic<bool> stop = false;
    int seen = 0;
    FitWatch watch{.stop = &stop, .directory = directory};
    watch.on_step = [&](const std::string&, const Progress&, double) { stop = ++seen == steps; };
    const TableModel part = fit(parts, small_maf(), watch);
    CHECK(part.facts.stopped);
    CHECK(part.facts.on_validation.contains("maf"));
    FitWatch again{.directory = directory, .resume = true};
    const TableModel resumed = fit(parts, small_maf(), again);
    CHECK(resumed.hash() == whole.hash());
    CHECK(!resumed.facts.stopped);
    // Once more: there is nothing left to do.
    int more = 0;
    again.on_step = [&](const std::string&, const Progress&, double) { ++more; };
    CHECK(fit(parts, small_maf(), again).hash() == whole.hash());
    CHECK(more == 0);
    // And for longer.
    FitOptions longer = small_maf();
    longer.training.epochs = 6;
    const TableModel further = fit(parts, longer, again);
    CHECK(more > 0);
    CHECK(further.facts.histories.at("maf").epochs.size() == 6);
    // With another table its checkpoints are of no use.
    const Split others = split(without_class(bow(600, 4)), {.seed = 1});
    CHECK(contains(message_of<FileError>([&] { fit(others, longer, again); }), "made with table"));
  }
}

TEST_CASE("What is constant in the rows to train on is refused by name, all at once", "[table]") {
  Rng rng(1);
  Tensor values = rng.normal({100, 4});
  for (Index i = 0; i < 100; ++i)
    for (const Index column : {1, 3})
      values.mutable_data()[4 * i + column] = i < 80 ? real(0.5) : static_cast<real>(i);
  const Split parts{
      {"a", "k", "b", "x"}, values.rows(0, 80), values.rows(80, 90), values.rows(90, 100), {}};
  FitOptions options;
  options.model = "gaussian";
  options.given = {"x"};
  const std::string said = message_of<FileError>([&] { fit(parts, options); });
  CHECK(contains(said,
                 "column \"k\" is constant, 0.5, in all rows to train on; hint: leave it out "
                 "with --except k\n"));
  CHECK(contains(said, "column \"x\" is constant, 0.5, in all rows to train on"));
  CHECK(contains(said, "do together: --except k,x"));
  options.grid = {0, 1, 0};  // with noise on it it is not
  CHECK(!contains(message_of<FileError>([&] { fit(parts, options); }), "column \"k\""));
}

TEST_CASE("A row that models hold for impossible is told as such, and comes back from the file",
          "[table]") {
  Rng rng(1);
  Tensor values = rng.normal({100, 2});
  values.mutable_data()[2 * 85] = 10 * std::sqrt(std::numeric_limits<real>::max());
  const Split parts{{"a", "b"}, values.rows(0, 80), values.rows(80, 90), values.rows(90, 100), {}};
  FitOptions options;
  options.model = "maf";
  options.training.epochs = 1;
  const TableModel model = fit(parts, options);
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const TableModel again = model_in(decode_tensors(encode_tensors(file_of(model)), "m"), "m");
  for (const TableModel* of : {&model, &again}) {
    CHECK(of->facts.on_validation.at("gaussian").value == -kInfinite);
    CHECK(of->facts.on_validation.at("gaussian").error == kInfinite);
    CHECK(std::isfinite(of->facts.on_test.at("gaussian").value));
    CHECK(!of->facts.gain);
    REQUIRE(of->facts.warnings.size() == 1);
    CHECK(contains(of->facts.warnings[0], "none could be chosen"));
  }
  CHECK(again.hash() == model.hash());
}

TEST_CASE("A limit of time is kept, about", "[table][slow]") {
  const Split parts = split(without_class(bow(5000, 3)), {.seed = 1});
  FitOptions options = small_maf();
  options.training.epochs = 100'000;
  options.patience = 100'000;
  options.seconds = 1;
  TableModel model = fit(parts, options);  // as begun, at the least
  CHECK(model.architecture.kind == "maf");
  CHECK(model.facts.histories["maf"].epochs.size() < 100'000);
}

TEST_CASE("A fit without time says what it has not tried", "[table]") {
  const Split parts = split(without_class(bow(400, 3)), {.seed = 1});
  FitOptions options = small_maf();
  options.model = "auto";
  options.seconds = 1e-9;
  const Facts facts = fit(parts, options).facts;
  CHECK(facts.stopped);
  REQUIRE(facts.warnings.size() == 1);
  CHECK(facts.warnings[0] == "it ended before these could be tried: mixture, maf, spline");
  options.seconds = std::numeric_limits<double>::infinity();
  options.model = "gaussian";
  CHECK(fit(parts, options).facts.warnings.empty());
}

TEST_CASE("The difference of two models is that on the same rows", "[table]") {
  const Estimate gain = difference({-1, -11, -21}, {-2, -12, -22});
  CHECK(gain.value == 1);
  CHECK(gain.error == Approx(0).margin(1e-12));
  const Estimate one = mean_of(std::vector<double>{1, 2, 3, 4});
  CHECK(one.value == 2.5);
  CHECK(one.error == Approx(std::sqrt(5.0 / 3 / 4)));
  CHECK(kinds_to_fit("gaussian") == std::vector<std::string>{"gaussian"});
  CHECK(contains(message_of<FileError>([] { kinds_to_fit("best"); }), "auto or one of: gaussian"));
}

}  // namespace gradflow
