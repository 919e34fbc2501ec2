#include <fmt/format.h>

#include "experiments/table/fit.h"

using namespace gradflow;

int main() {
  Table table = read_table("bow.csv");  // or it throws, and says what is wrong in which row
  check_table(table);
  const Split parts = split(std::move(table), {.seed = 1});  // training, validation, test
  const TableModel model = fit(parts, {.model = "maf", .seconds = 10});  // standardises, within it
  save_model("bow.safetensors", model);

  const Flow flow = load_flow("bow.safetensors");
  const Tensor scores = flow.log_prob(Tensor({{1, 1}, {0, 1}})).value();
  fmt::print("log p: {:.1f} and {:.1f}\n", scores.at({0}), scores.at({1}));
}
