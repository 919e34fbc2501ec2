// What every data set must say of itself: the table below has a row for each, and all rows are
// checked for the same facts.
#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/data/moons.h"
#include "experiments/data/rings.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace gradflow;

namespace {

struct Row {
  DataSet data;
  double low_x, high_x, low_y, high_y;  // all of it, but for parts of no weight
  // Where the logarithm of the density has edges, an integral over a grid errs by so much.
  double error;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {rings(), -1.2, 5.2, -2.2, 1.2, 3e-3},
      {rings_by_class(), -1.2, 5.2, -2.2, 1.2, 3e-3},
      {moons(), -1.7, 2.7, -1.2, 1.7, 1e-3},
  };
  return all;
}

// The integral of g(log p) over the row's rectangle.
template <class G>
double integral(const Row& row, const G& g) {
  constexpr Index kCells = 600;
  const double width = (row.high_x - row.low_x) / kCells,
               height = (row.high_y - row.low_y) / kCells;
  Tensor line({kCells, 2});
  double sum = 0;
  for (Index k = 0; k < kCells; ++k) {
    real* at = line.mutable_data();
    for (Index i = 0; i < kCells; ++i, at += 2) {
      at[0] = static_cast<real>(row.low_x + (static_cast<double>(i) + 0.5) * width);
      at[1] = static_cast<real>(row.low_y + (static_cast<double>(k) + 0.5) * height);
    }
    const Tensor log_p = row.data.log_density(line);
    for (const real value : log_p.values()) sum += g(static_cast<double>(value));
  }
  return sum * width * height;
}

}  // namespace

TEST_CASE("data sets: a name of their own, points with the labels that they announce") {
  std::vector<std::string> names;
  for (const Row& row : rows()) {
    CAPTURE(row.data.name);
    names.push_back(row.data.name);
    Rng rng(1);
    const Data data = row.data.sample(1000, rng);
    CHECK(data.size() > 990);
    CHECK(data.size() <= 1000);
    CHECK(data.points.shape()[1] == 2);
    const auto classes = std::ssize(row.data.classes);
    CHECK(std::ssize(data.labels) == (classes > 0 ? data.size() : 0));
    std::vector<Index> counts(row.data.classes.size());
    for (const Index label : data.labels) ++counts.at(static_cast<std::size_t>(label));
    for (const Index count : counts) CHECK(count == data.size() / classes);
  }
  std::ranges::sort(names);
  CHECK(std::ranges::adjacent_find(names) == names.end());
}

TEST_CASE("data sets: samples depend on the generator alone") {
  for (const Row& row : rows()) {
    CAPTURE(row.data.name);
    Rng first(1), same(1), other(2);
    const Data points = row.data.sample(100, first);
    CHECK(difference(row.data.sample(100, same).points, points.points) == "");
    CHECK(difference(row.data.sample(100, other).points, points.points) != "");
  }
}

TEST_CASE("data sets: the density has mass 1, and the entropy that is announced") {
  for (const Row& row : rows()) {
    CAPTURE(row.data.name);
    CHECK(std::abs(integral(row, [](double log_p) { return std::exp(log_p); }) - 1) < row.error);
    const double entropy = integral(
        row, [](double log_p) { return std::isfinite(log_p) ? -log_p * std::exp(log_p) : 0; });
    CHECK(std::abs(entropy - row.data.entropy) < 2 * row.error);
  }
}

TEST_CASE("data sets: the density is that of the samples") {
  for (const Row& row : rows()) {
    CAPTURE(row.data.name);
    Rng rng(3);
    constexpr Index kPoints = 20'000;
    const Data data = row.data.sample(kPoints, rng);
    const Tensor log_p = row.data.log_density(data.points);
    REQUIRE(log_p.shape() == Shape{data.size()});
    double sum = 0, squares = 0;
    Index on_an_edge = 0, outside = 0;  // a sample may be rounded over an edge
    for (Index i = 0; i < data.size(); ++i) {
      const double value = log_p.at({i});
      if (!std::isfinite(value)) {
        ++on_an_edge;
        continue;
      }
      sum -= value;
      squares += value * value;
      const double x = data.points.at({i, 0}), y = data.points.at({i, 1});
      outside += x < row.low_x || x > row.high_x || y < row.low_y || y > row.high_y;
    }
    CHECK(on_an_edge < 10);
    CHECK(outside < 10);
    const double n = static_cast<double>(data.size() - on_an_edge);
    const double mean = sum / n, variance = std::max(0.0, squares / n - mean * mean);
    CHECK(std::abs(mean - row.data.entropy) < 4 * std::sqrt(variance / n) + 1e-3);
  }
}

TEST_CASE("data sets: densities of anything but points are refused") {
  for (const Row& row : rows()) {
    CHECK_THROWS_AS(row.data.log_density(zeros({3})), ShapeError);
    CHECK_THROWS_AS(row.data.log_density(zeros({2, 3})), ShapeError);
    CHECK(row.data.log_density(zeros({0, 2})).shape() == Shape{0});
  }
}
