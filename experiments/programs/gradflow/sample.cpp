// gradflow sample: new rows, as the model thinks that they might have been measured.
#include "experiments/programs/gradflow/verbs.h"
#include "experiments/table/write/row_writer.h"

namespace gradflow {
namespace {

constexpr Index kBlock = 10'000;

// "class=2" -> {"class", "2"}
std::map<std::string, std::string> named(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> values;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    require<FileError>(equals != text.npos && equals > 0,
                       "sample: --given {}; NAME=VALUE is required", text);
    const bool is_new = values.emplace(text.substr(0, equals), text.substr(equals + 1)).second;
    require<FileError>(is_new, "sample: --given {}: it is given twice", text);
  }
  return values;
}

}  // namespace

int run_sample(const SampleCommand& command) {
  const TableModel model = given_model(command.model);
  const Tensor condition = model.conditions.row(named(command.given));
  if (condition.size() > 0) model.conditions.encode(condition);  // or throws, with nothing written
  const auto out = write_rows(command.out, columns_of(model, model.all_columns()));
  for (Index begin = 0; begin < command.count; begin += kBlock) {
    const Index n = std::min(kBlock, command.count - begin);
    const Tensor given = broadcast_to(condition, {n, condition.shape()[1]}).value();
    Rng rng = Rng(command.seed).fork(static_cast<std::uint64_t>(begin / kBlock));
    const Tensor rows = concat({sample(model, given, rng), given}, 1).value();
    for (Index i = 0; i < n; ++i)
      out->write(rows.values().subspan(static_cast<std::size_t>(i * rows.shape()[1]),
                                       static_cast<std::size_t>(rows.shape()[1])));
  }
  out->finish();
  return 0;
}

}  // namespace gradflow
