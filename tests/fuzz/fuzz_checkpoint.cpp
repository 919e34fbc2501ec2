// restore_checkpoint: a checkpoint of a small model, with some of its texts or bytes replaced.
// Either it is refused in one line and the model stays as it is, or it stands within the run.
//
// The input: key NUL text NUL key NUL text ... Each replaces the text of that key; a key that
// begins with ':' replaces the tensor of that name by one filled with as many numbers as the text
// has characters; an empty text removes either.
#include <cmath>

#include "experiments/run/files/checkpoint.h"
#include "nn/layers.h"
#include "tensor/error.h"
#include "tests/fuzz/fuzz.h"

using namespace gradflow;

namespace {

constexpr Index kEpochs = 3, kSteps = 4;

RunIdentity identity() {
  return {{{"model", "line"}, {"seed", "0"}}, {{"order", Tensor({1, 0})}}, kEpochs, kSteps};
}

TensorFile good_file() {
  TensorFile file;
  file.tensors = {{"model.weight", Tensor({{1, 2}})},
                  {"model.bias", Tensor({3})},
                  {"optimizer.m", Tensor({0, 1, 2})},
                  {"optimizer.v", Tensor({0, 1, 2})},
                  {"constant.order", Tensor({1, 0})}};
  file.metadata = {{"format", "gradflow checkpoint 3"},
                   {"setting.model", "line"},
                   {"setting.seed", "0"},
                   {"lengths", "3"},
                   {"epoch", "2"},
                   {"step", "1"},
                   {"loss_sum", "0.5"},
                   {"seconds", "1"},
                   {"optimizer_steps", "9"},
                   {"epochs", "1 0.5 0.1 2 1 \"nll\" 3\n2 0.25 0.05 2 1 \"nll\" nan\n"}};
  return file;
}

void replace(TensorFile& file, const std::string& key, const std::string& text) {
  if (key.starts_with(':')) {
    file.tensors.erase(key.substr(1));
    if (!text.empty()) file.tensors.emplace(key.substr(1), zeros(Shape{std::ssize(text)}));
  } else {
    file.metadata.erase(key);
    if (!text.empty()) file.metadata.emplace(key, text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  TensorFile file = good_file();
  const std::vector<std::string> parts = parts_of(text_of(data, size));
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) replace(file, parts[i], parts[i + 1]);

  Rng rng(0);
  Linear model(2, 1, rng);
  Weights weights(parameters(model));
  Adam adam(weights);
  const std::string before = hash_tensors(tensors(model));
  try {
    const TrainingState state =
        restore_checkpoint(file, "input", parameters(model), adam, identity());
    const Index epochs = std::ssize(state.epochs);
    must(epochs <= kEpochs, "the epoch is within the run");
    must(state.step >= 0 && state.step <= kSteps, "the step is within the epoch");
    must(adam.steps() == epochs * kSteps + state.step, "the optimiser is where the run is");
    must(hash_tensors(tensors(model)) != before, "the weights are the file's");
  } catch (const FileError& error) {
    must(std::string_view(error.what()).starts_with("resume: input: "), "an error names the file");
    must(hash_tensors(tensors(model)) == before, "refused: the model is as before");
  }
  return 0;
}
