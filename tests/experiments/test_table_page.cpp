// The page of a table's model: which columns are shown, and that figures refuse what makes no
// sense.
#include <filesystem>

#include "experiments/page/table_page.h"
#include "tensor/random.h"
#include "tests/catch.h"

namespace gradflow {

TEST_CASE("The columns that tell most of each other come first, also if what they tell is no line",
          "[table][page]") {
  Rng rng(1);
  Tensor rows = rng.normal({2000, 4});
  for (Index i = 0; i < rows.rows(); ++i) {
    real* const row = rows.mutable_data() + 4 * i;
    row[3] = row[1] * row[1] + real(0.1) * row[3];  // uncorrelated with it
    row[2] += real(0.5) * row[0];
  }
  const std::vector<Index> order = most_telling(rows, 4);
  REQUIRE(order.size() == 4);
  CHECK(std::min(order[0], order[1]) == 1);
  CHECK(std::max(order[0], order[1]) == 3);
  CHECK(most_telling(rows, 1) == std::vector<Index>{0});
}

TEST_CASE("Figures of tables refuse what makes no sense before anything is drawn",
          "[table][page]") {
  const auto directory = std::filesystem::temp_directory_path();
  const auto refused = [&](const auto& figure) {
    return message_of<FigureError>([&] { draw(figure, {.directory = directory}); });
  };
  CornerFigure corner{"corner", {"a", "b"}, {{0, 1}, {0, 1}}, {}, {{0.5}}};
  CHECK(contains(refused(corner), "2 columns, 2 limits and 1 columns of samples"));
  corner.samples.push_back({0.5});
  corner.limits[1] = {1, 1};
  CHECK(contains(refused(corner), "no range"));
  corner.limits[1] = {0, 1};
  corner.data = {{0.5}};
  CHECK(contains(refused(corner), "columns without data"));
  PlaneFigure plane{"density", "a", "b", {}, {{{0, 1}, {0, 1}}, 2, {1, 2, 3}}};
  CHECK(contains(refused(plane), "without whole rows"));
}

}  // namespace gradflow
