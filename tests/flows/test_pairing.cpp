// Pairings: the assignment by its certificate and against all permutations, Sinkhorn between its
// two limits, and what each pairing does with noise, data, classes and conditions.

#include "flows/matching/pairing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "flows/matching/assignment.h"
#include "flows/matching/flow_matching.h"
#include "flows/matching/sinkhorn.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

using Costs = std::vector<double>;
struct Method {
  const char* name;
  Assignment (*assign)(std::span<const double> costs, Index n);
  double precision;  // of the prices, as a part of the range of costs
};

// LEMON may be missing; the other method is always there.
std::vector<Method> methods() {
  std::vector<Method> all{{"paths", assign_by_paths, 1e-12}, {"either", assign, 1e-11}};
  if (assign_by_simplex(Costs{1}, 1))
    all.push_back(
        {"simplex",
         [](std::span<const double> costs, Index n) { return *assign_by_simplex(costs, n); },
         1e-11});
  return all;
}

Costs random_costs(Index n, std::uint64_t seed) {
  Rng rng(seed);
  const Tensor costs = rng.uniform({n * n});
  return {costs.values().begin(), costs.values().end()};
}

bool is_permutation(const std::vector<Index>& column, Index n) {
  std::vector<Index> sorted = column;
  std::sort(sorted.begin(), sorted.end());
  std::vector<Index> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), Index{0});
  return sorted == all;
}

// What is wrong with the proof that this is the best: u_i + v_j <= c_ij, and sum u + sum v = cost.
std::string doubt(const Assignment& best, const Costs& costs, Index n, double precision) {
  if (!is_permutation(best.column, n)) return "no permutation";
  if (n == 0) return best.cost == 0 ? "" : "cost";
  const auto [low, high] = std::minmax_element(costs.begin(), costs.end());
  const double slack = precision * (std::max(*high - *low, std::abs(*high)) + 1e-300);
  double cost = 0, prices = 0;
  for (Index i = 0; i < n; ++i) {
    const auto row = static_cast<std::size_t>(i);
    cost += costs[row * static_cast<std::size_t>(n) + static_cast<std::size_t>(best.column[row])];
    prices += best.u[row] + best.v[row];
    for (Index j = 0; j < n; ++j) {
      const double c = costs[static_cast<std::size_t>(i * n + j)];
      if (best.u[row] + best.v[static_cast<std::size_t>(j)] > c + slack)
        return fmt::format("the prices of ({}, {}) exceed the cost {}", i, j, c);
    }
  }
  if (std::abs(cost - best.cost) > slack) return fmt::format("cost {}, not {}", cost, best.cost);
  if (std::abs(prices - cost) > slack * double(n))
    return fmt::format("prices of {} for a cost of {}", prices, cost);
  return "";
}

double least_of_all_permutations(const Costs& costs, Index n) {
  std::vector<Index> column(static_cast<std::size_t>(n));
  std::iota(column.begin(), column.end(), Index{0});
  double least = HUGE_VAL;
  do {
    double cost = 0;
    for (Index i = 0; i < n; ++i)
      cost += costs[static_cast<std::size_t>(i * n + column[static_cast<std::size_t>(i)])];
    least = std::min(least, cost);
  } while (std::next_permutation(column.begin(), column.end()));
  return least;
}

TEST_CASE("an assignment is the best of all permutations, and its prices prove it") {
  for (const Method& method : methods())
    for (Index n = 0; n <= 7; ++n)
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        CAPTURE(method.name, n, seed);
        Costs costs = random_costs(n, seed);
        if (seed % 2)  // whole numbers: many are equally good
          for (double& c : costs) c = std::floor(4 * c);
        const Assignment best = method.assign(costs, n);
        CHECK(doubt(best, costs, n, method.precision) == "");
        CHECK(best.cost == Approx(least_of_all_permutations(costs, n)).margin(1e-10));
      }
}

TEST_CASE("large assignments: the prices prove them, whatever the costs are") {
  Rng rng(1);
  for (const Method& method : methods())
    for (const Index n : {30, 100, 257, 300}) {
      CAPTURE(method.name, n);
      const auto proved = [&](const Costs& costs) {
        const Assignment best = method.assign(costs, n);
        CHECK(doubt(best, costs, n, method.precision) == "");
        return best.cost;
      };
      proved(random_costs(n, 5));
      proved(squared_distances(rng.normal({n, 2}), rng.uniform({n, 2}, -3, 3)));
      Costs apart = random_costs(n, 6);  // 1e12 apart
      for (std::size_t k = 0; k < apart.size(); k += 3) apart[k] *= 1e12;
      proved(apart);
      Costs whole = random_costs(n, 7);
      for (double& c : whole) c = std::floor(10 * c);
      proved(whole);
      CHECK(proved(Costs(static_cast<std::size_t>(n * n), 3)) == 3 * double(n));  // all the same
      Costs negative = random_costs(n, 8);
      for (double& c : negative) c -= 5;
      proved(negative);
      // Duplicates: every point twice.
      const Tensor half = rng.normal({(n + 1) / 2, 2});
      const Tensor twice = concat({half, half}, 0).value().rows(0, n);
      proved(squared_distances(twice, rng.normal({n, 2})));
    }
}

TEST_CASE("on a line the best assignment joins what is at the same place in order") {
  Rng rng(2);
  const Index n = 200;
  const Tensor a = rng.normal({n, 1}), b = rng.uniform({n, 1}, 3, 9);
  for (const Method& method : methods()) {
    const Assignment best = method.assign(squared_distances(a, b), n);
    std::vector<real> x(a.values().begin(), a.values().end()),
        y(b.values().begin(), b.values().end());
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    double cost = 0;
    for (std::size_t i = 0; i < x.size(); ++i) cost += std::pow(double{x[i]} - double{y[i]}, 2);
    CHECK(best.cost == Approx(cost).epsilon(1e-9));
  }
}

TEST_CASE("of a shifted sample every point goes to its own copy") {
  Rng rng(3);
  for (const Index n : {1, 2, 50, 300}) {
    const Tensor a = rng.normal({n, 3}), shift = Tensor({1, 3}, {4, -1, 2});
    const Assignment best = assign(squared_distances(a, (a + Var(shift)).value()), n);
    std::vector<Index> own(static_cast<std::size_t>(n));
    std::iota(own.begin(), own.end(), Index{0});
    CHECK(best.column == own);
    CHECK(best.cost / double(n) == Approx(21).epsilon(1e-5));
  }
}

TEST_CASE("costs that make no sense are refused, and the same ones give the same") {
  const Costs costs = random_costs(40, 9);
  CHECK(assign(costs, 40).column == assign(costs, 40).column);
  for (const Method& method : methods()) {
    CAPTURE(method.name);
    CHECK(method.assign({}, 0).column.empty());
    CHECK(method.assign(Costs{7}, 1).column == std::vector<Index>{0});
    CHECK(method.assign(Costs{7}, 1).cost == 7);
    CHECK_THROWS_AS(method.assign(Costs{1, 2, 3}, 2), ShapeError);
    CHECK_THROWS_AS(method.assign(Costs{}, -1), ShapeError);
    for (const double wrong : {std::nan(""), HUGE_VAL, -HUGE_VAL})
      for (std::size_t k = 0; k < 4; ++k) {
        Costs bad{1, 2, 3, 4};
        bad[k] = wrong;
        CHECK_THROWS_AS(method.assign(bad, 2), ShapeError);
      }
  }
  for (const Index n : {2, 3, 300}) {  // each is finite, but not how far they are apart
    Costs far(static_cast<std::size_t>(n * n), 1e308);
    far[1] = -1e308;
    CHECK(contains(message_of<ShapeError>([&] { assign(far, n); }),
                   "their difference must be finite"));
  }
  CHECK_THROWS_AS(assign(Costs{}, Index{1} << 32), ShapeError);  // whose square is 2^64: 0
  CHECK(message_of<ShapeError>([] {
          assign_by_paths(Costs{1, 2, std::nan(""), 4}, 2);
        }) == "assign: the cost nan of (1, 0) given; finite ones");
  CHECK(message_of<ShapeError>([] {
          assign(Costs{1, 2}, 2);
        }) == "assign: 2 costs for n = 2 given; n^2 are required");
  CHECK(message_of<ShapeError>([] {
          squared_distances(ones({2, 2}), ones({2, 3}));
        }) == "squared_distances: (2, 2) and (2, 3) given; (n, D) and (m, D) are required");
}

// --- Sinkhorn ---

TEST_CASE("a blurred plan has the right sums, and lies between the assignment and the product") {
  const Index n = 12;
  const Costs costs = random_costs(n, 10);
  const Assignment best = assign(costs, n);
  const double product = std::accumulate(costs.begin(), costs.end(), 0.) / double(n * n);
  double before = best.cost / double(n) - 1e-9;
  for (const double epsilon : {0.02, 0.1, 1., 1000.}) {
    CAPTURE(epsilon);
    const EntropicPlan plan = sinkhorn(costs, n, n, {.epsilon = epsilon, .most_rounds = 100'000});
    CHECK(plan.error < 1e-9);
    CHECK(plan.rounds % 10 == 0);
    for (Index i = 0; i < n; ++i) {
      double row = 0, column = 0;
      for (Index j = 0; j < n; ++j) {
        row += std::exp(plan.log_share[static_cast<std::size_t>(i * n + j)]);
        column += std::exp(plan.log_share[static_cast<std::size_t>(j * n + i)]);
      }
      CHECK(row == Approx(1 / double(n)).epsilon(1e-12));
      CHECK(column == Approx(1 / double(n)).epsilon(1e-7));
    }
    // log P - (-c / epsilon) is a number of the row and one of the column.
    const auto rest = [&](Index i, Index j) {
      const auto k = static_cast<std::size_t>(i * n + j);
      return plan.log_share[k] + costs[k] / epsilon;
    };
    CHECK(rest(3, 4) - rest(3, 7) == Approx(rest(5, 4) - rest(5, 7)).margin(1e-9));
    CHECK(plan.cost > before);
    before = plan.cost;
  }
  CHECK(sinkhorn(costs, n, n, {.epsilon = 0.002, .most_rounds = 100'000}).cost ==
        Approx(best.cost / double(n)).epsilon(0.01));
  CHECK(before == Approx(product).epsilon(1e-3));
}

TEST_CASE("in logarithms no cost is too large, and samples of two sizes are fine") {
  Rng rng(4);
  const Costs costs = squared_distances((1000 * rng.normal({5, 2})).value(), rng.normal({8, 2}));
  const EntropicPlan plan = sinkhorn(costs, 5, 8, {.epsilon = 1, .most_rounds = 20});
  double total = 0;
  for (const double share : plan.log_share) total += std::exp(share);
  CHECK(total == Approx(1).epsilon(1e-12));
  CHECK(plan.rounds == 20);
  CHECK(plan.error >= 0);
  CHECK(sinkhorn(Costs{3}, 1, 1, {}).cost == Approx(3));
  CHECK(message_of<ShapeError>([] { sinkhorn(Costs{}, 0, 0, {}); }) ==
        "sinkhorn: 0 costs for 0 x 0 given; one for each pair, at least 1");
  CHECK(message_of<ShapeError>([] { sinkhorn(Costs{1}, 1, 1, {.epsilon = 0}); }) ==
        "sinkhorn: epsilon 0 given; more than 0");
  for (const double tolerance : {-1e-9, std::nan("")})
    CHECK(message_of<ShapeError>([&] { sinkhorn(Costs{1}, 1, 1, {.tolerance = tolerance}); }) ==
          fmt::format("sinkhorn: a tolerance of {} given; 0 or more", tolerance));
  CHECK(message_of<ShapeError>([] { sinkhorn(Costs{std::nan("")}, 1, 1, {}); }) ==
        "sinkhorn: the cost nan given; finite ones");
}

// --- pairings ---

double energy(const Tensor& a, const Tensor& b) { return sum(square(Var(a) - b)).item(); }

bool same_rows(const Tensor& a, const Tensor& b) {  // in whatever order
  const auto sorted = [](const Tensor& x) {
    std::vector<std::vector<real>> rows;
    for (Index i = 0; i < x.rows(); ++i) {
      const Tensor row = x.rows(i, i + 1);
      rows.emplace_back(row.values().begin(), row.values().end());
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  };
  return sorted(a) == sorted(b);
}

TEST_CASE("the optimal pairing uses every noise point once, and no exchange makes it shorter") {
  Rng rng(5);
  const Tensor y_0 = rng.normal({60, 2});
  const Data batch{(real(2) * rng.normal({60, 2}) + Tensor({1, 2}, {3, 1})).value(), {}};
  const Tensor paired = optimal(y_0, batch, rng);
  CHECK(same_rows(paired, y_0));
  CHECK(energy(paired, batch.points) < energy(y_0, batch.points));
  CHECK(energy(paired, batch.points) ==
        Approx(assign(squared_distances(y_0, batch.points), 60).cost).epsilon(1e-4));
  for (Index i = 0; i < 60; ++i)
    for (Index j = 0; j < i; ++j) {
      std::vector<Index> order(60);
      std::iota(order.begin(), order.end(), Index{0});
      std::swap(order[std::size_t(i)], order[std::size_t(j)]);
      CHECK(energy(kernel::gather(paired, order), batch.points) >=
            energy(paired, batch.points) * (1 - 1e-5));
    }
  CHECK(difference(independent(y_0, batch, rng), y_0) == "");
}

TEST_CASE("pairing inside classes keeps each class's noise, and is the best in each") {
  Rng rng(6);
  const Tensor y_0 = rng.normal({40, 2});
  Data batch{rng.normal({40, 2}), rng.integers(3, 40)};
  const Tensor paired = optimal_within_classes(y_0, batch, rng);
  for (Index label = 0; label < 3; ++label) {
    std::vector<Index> own;
    for (Index i = 0; i < 40; ++i)
      if (batch.labels[std::size_t(i)] == label) own.push_back(i);
    const Tensor noise = kernel::gather(y_0, own), data = kernel::gather(batch.points, own);
    CHECK(same_rows(kernel::gather(paired, own), noise));
    CHECK(difference(kernel::gather(paired, own), optimal(noise, {data, {}}, rng)) == "");
  }
  batch.labels.pop_back();
  CHECK(message_of<ShapeError>([&] { optimal_within_classes(y_0, batch, rng); }) ==
        "optimal_within_classes: 39 labels for 40 points given; one for each");
}

TEST_CASE("with conditions far apart only pairs of one condition are left, as with classes") {
  Rng rng(7);
  const Tensor y_0 = rng.normal({30, 2});
  const Data batch{rng.normal({30, 2}), rng.integers(3, 30)};
  const auto as_numbers = [](const Data& data) {
    Tensor numbers({data.size(), 1});
    for (std::size_t i = 0; i < data.labels.size(); ++i)
      numbers.mutable_data()[i] = real(1e4 * double(data.labels[i]));
    return numbers;
  };
  // A third of all pairs are of one class; of these less than a half are nearer.
  const Tensor paired = optimal_near_conditions(as_numbers, 0.01)(y_0, batch, rng);
  CHECK(difference(paired, optimal_within_classes(y_0, batch, rng)) == "");
}

TEST_CASE("the weight of conditions makes the share of tempting pairs what is asked") {
  Rng rng(8);
  const Index n = 200;
  const Tensor y_0 = rng.normal({n, 2}), y_1 = (3 * rng.normal({n, 2})).value();
  const Costs costs = squared_distances(y_0, y_1);
  const Tensor first = kernel::slice(y_1, 1, 0, 1);
  const Costs apart = squared_distances(first, first);
  const auto share = [&](double w) {
    double count = 0;
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        count += costs[std::size_t(i * n + j)] + w * apart[std::size_t(i * n + j)] <=
                 costs[std::size_t(j * n + j)];
    return count / double(n * n);
  };
  for (const double ratio : {0.02, 0.05, 0.2}) {
    const double w = condition_weight(costs, apart, n, ratio);
    CHECK(w > 0);
    CHECK(share(w) == Approx(ratio).margin(1.1e-3));
  }
  CHECK(condition_weight(costs, apart, n, 0.99) == 0);
  CHECK(condition_weight({}, {}, 0, 0.1) == 0);
  // The nearer conditions have to be, the longer the way, from the free optimum upwards.
  const auto condition = [](const Data& data) { return kernel::slice(data.points, 1, 0, 1); };
  const Data batch{y_1, {}};
  const auto moved = [&](double ratio) {
    const Tensor paired = optimal_near_conditions(condition, ratio)(y_0, batch, rng);
    CHECK(same_rows(paired, y_0));
    return energy(paired, y_1);
  };
  const double free_energy = energy(optimal(y_0, batch, rng), y_1);
  CHECK(moved(0.99) == Approx(free_energy));
  CHECK(moved(0.05) > free_energy * 1.01);
  CHECK(moved(0.01) > moved(0.05));
  CHECK(moved(0.01) < energy(y_0, y_1));
  CHECK(message_of<ShapeError>([&] { optimal_near_conditions(condition, 0); }) ==
        "optimal_near_conditions: a share of 0 given; more than 0, at most 1");
  CHECK(message_of<ShapeError>([&] {
          optimal_near_conditions([](const Data&) { return ones({3, 1}); })(y_0, batch, rng);
        }) == "optimal_near_conditions: conditions (3, 1) for 200 points given; a row for each");
  for (const Index wrong : {-1, 1, 3})
    CHECK(message_of<ShapeError>([&] { condition_weight(Costs(4), Costs(4), wrong, 0.1); }) ==
          fmt::format("condition_weight: 4 costs and 4 distances for {} points given; {} of each",
                      wrong, wrong * wrong));
  CHECK_THROWS_AS(condition_weight(Costs(4), Costs(1), 2, 0.1), ShapeError);
}

TEST_CASE("the entropic pairing draws from its plan") {
  // Two points each; the plan has two numbers: P(stay) and P(cross).
  const Tensor y_0({{0}, {1}});
  const Data batch{Tensor({{0}, {1}}), {}};
  const double sigma = 0.8, cross = 1 / (1 + std::exp(1 / (2 * sigma * sigma)));
  Rng rng(9);
  const Pairing pairing = entropic(real(sigma));
  const int rounds = 4000;
  double crossed = 0;
  for (int i = 0; i < rounds; ++i) crossed += pairing(y_0, batch, rng).at({0, 0}) == 1;
  crossed /= rounds;
  CHECK(std::abs(crossed - cross) < 4 * std::sqrt(cross * (1 - cross) / rounds));
  // Of several points each is drawn as often as the plan has it.
  for (const Index n : {3, 5}) {
    const Tensor from = rng.normal({n, 1});
    const Data to{rng.normal({n, 1}), {}};
    const EntropicPlan plan =
        sinkhorn(squared_distances(from, to.points), n, n, {.epsilon = 2 * sigma * sigma});
    std::vector<double> drawn(static_cast<std::size_t>(n * n));
    for (int k = 0; k < rounds; ++k) {
      const Tensor paired = pairing(from, to, rng);
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j)
          drawn[static_cast<std::size_t>(i * n + j)] += paired.at({j, 0}) == from.at({i, 0});
    }
    for (std::size_t k = 0; k < drawn.size(); ++k) {
      const double p = static_cast<double>(n) * std::exp(plan.log_share[k]);  // columns sum to 1
      CAPTURE(n, k);
      CHECK(std::abs(drawn[k] / rounds - p) < 4 * std::sqrt(p * (1 - p) / rounds));
    }
  }
  // With little blur it is the assignment.
  const Tensor noise({{3}, {0}, {4}, {1}, {2}});
  const Data line{Tensor({{0}, {1}, {2}, {3}, {4}}), {}};
  CHECK(difference(entropic(real(0.1))(noise, line, rng), line.points) == "");
  CHECK(entropic(1)(zeros({0, 2}), {zeros({0, 2}), {}}, rng).rows() == 0);
  CHECK(message_of<ShapeError>([] { entropic(0); }) == "entropic: sigma 0 given; more than 0");
  // With very little it takes more rounds than it has.
  const Tensor many = rng.normal({40, 2});
  const Data others{rng.normal({40, 2}), {}};
  CHECK(entropic(1)(many, others, rng).shape() == Shape{40, 2});
  CHECK(contains(message_of<ShapeError>([&] { entropic(0.001)(many, others, rng); }),
                 "entropic: after 1000 rounds"));
}

TEST_CASE("a model is trained with any pairing, and its labels stay") {
  Rng rng(10);
  const FlowMatching model(2, {.hidden = {8}, .classes = 2}, rng);
  const Data batch{rng.normal({10, 2}), rng.integers(2, 10)};
  for (const Pairing& pairing :
       {Pairing(optimal), Pairing(optimal_within_classes), entropic(real(0.5))}) {
    Rng first(11), same(11);
    const Var loss = model.loss(batch, first, straight, pairing);
    CHECK(loss.item() == model.loss(batch, same, straight, pairing).item());
    CHECK(loss.item() != model.loss(batch, same).item());
  }
}

}  // namespace
}  // namespace gradflow
