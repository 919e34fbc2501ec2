// What --figures-only reads from <model>.safetensors: settings, history, what points
// are standardised by, permutations. Either an error, or a history that the figures can be drawn
// from.
//
// The input: key NUL text NUL key NUL text ... Each replaces a text of a good file.
#include <cmath>
#include <stdexcept>

#include "experiments/programs/models.h"
#include "flows/linear/permutation.h"
#include "tensor/error.h"
#include "tests/fuzz/fuzz.h"

using namespace gradflow;

namespace {

TensorFile good_file() {
  TensorFile file;
  RunOptions options;
  NormalizingFlowSettings own;
  file.metadata = texts_of(settings_of(options) + settings_of(own));
  file.metadata["model"] = "line";
  file.metadata["history"] =
      R"({"lengths": [1], "epochs": [{"number": 1, "loss": 2, "learning_rate": 1, "seconds": 0.5,
          "metrics": {"nll": null}}], "seconds": 0.5, "steps_per_second": 3})";
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  TensorFile file = good_file();
  const std::vector<std::string> parts = parts_of(text_of(data, size));
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) file.metadata[parts[i]] = parts[i + 1];
  RunOptions options;
  NormalizingFlowSettings own;
  try {
    const Saved saved = saved_in(file, "line", "input", settings_of(options) + settings_of(own));
    must(!saved.history.epochs.empty(), "a history has epochs");
    for (const Epoch& epoch : saved.history.epochs)
      must(epoch.metrics.size() == saved.history.epochs[0].metrics.size(), "of the same metrics");
  } catch (const FileError& error) {
    must(std::string_view(error.what()).starts_with("load: input: "), "an error names the file");
  }
  // The numbers of a tensor are as free as its texts.
  std::vector<real> numbers;
  for (std::size_t i = 0; i < size && i < 4; ++i)
    numbers.push_back(data[i] == 255   ? std::numeric_limits<real>::quiet_NaN()
                      : data[i] == 254 ? real{1e30f}
                                       : static_cast<real>(data[i]) / 2);
  const Tensor given(Shape{std::ssize(numbers)}, numbers);
  Permutation swap = Permutation::reversal(2);
  Standardize units(zeros({2}), ones({2}));
  try {
    load(swap, {{"order", given}});
  } catch (const ShapeError&) {
  }
  must((swap.order()[0] == 0) != (swap.order()[1] == 0), "a permutation is one");
  try {
    load(units, {{"mean", zeros({2})}, {"deviation", given}});
  } catch (const ShapeError&) {
  }
  for (const real deviation : units.deviation().values())
    must(deviation > 0 && std::isfinite(deviation), "a deviation is one");
  return 0;
}
