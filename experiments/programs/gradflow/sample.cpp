// gradflow sample: new rows, as the model thinks that they might have been measured.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/programs/gradflow/verbs.h"
#include "experiments/table/output.h"

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

std::string lines_of(const Tensor& samples, const std::string& given) {
  std::string text;
  const Index D = samples.shape()[1];
  for (Index i = 0; i < samples.rows(); ++i)
    text += fmt::format("{}{}\n",
                        fmt::join(samples.values().subspan(static_cast<std::size_t>(i * D),
                                                           static_cast<std::size_t>(D)),
                                  ","),
                        given);
  return text;
}

}  // namespace

int run_sample(const SampleCommand& command) {
  const TableModel model = load_model(model_file(command.model));
  const Tensor condition = model.conditions.row(named(command.given));
  if (condition.size() > 0) model.conditions.encode(condition);  // or throws, with nothing written
  std::string given;
  for (const real x : condition.values()) given += fmt::format(",{}", x);
  Output out(command.out);
  std::string header;
  for (const std::string& name : model.all_columns())
    header += (header.empty() ? "" : ",") + csv_field(name);
  out.write(header + "\n");
  for (Index begin = 0; begin < command.count; begin += kBlock) {
    const Index n = std::min(kBlock, command.count - begin);
    const Tensor all = broadcast_to(condition, {n, condition.shape()[1]}).value();
    Rng rng = Rng(command.seed).fork(static_cast<std::uint64_t>(begin / kBlock));
    out.write(lines_of(sample(model, all, rng), given));
  }
  out.finish();
  return 0;
}

}  // namespace gradflow
