// gradflow info: what a model is, on what it was trained, how well.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "experiments/programs/gradflow/verbs.h"
#include "experiments/run/say.h"
#include "experiments/run/shell.h"
#include "experiments/table/read/tensor_rows.h"

namespace gradflow {
namespace {

std::string size_of(const TableModel& model) {
  const Architecture& a = model.architecture;
  if (is_mixture(a.kind))
    return fmt::format("{} Gaussian{}{}", a.components, a.components == 1 ? "" : "s",
                       model.conditions.groups() > 1 ? " for each combination of classes" : "");
  return fmt::format("{} layers, networks of {} x {} units, {} parameters", a.layers, a.depth,
                     a.units, count(model.flow));
}

std::string line_of(const Condition& c) {
  if (c.classes.empty())
    return fmt::format("given      {}: a number, {:.4g} ± {:.4g}\n", c.name, c.mean, c.deviation);
  std::vector<std::string> classes;
  for (const double value : c.classes) classes.push_back(c.text_of(value));
  return fmt::format("given      {}: one of {}\n", c.name, fmt::join(classes, ", "));
}

std::string table_of(const std::string& what, const std::map<std::string, Estimate>& all) {
  std::string text;
  for (const auto& [kind, r] : all)
    text +=
        fmt::format("{:<10} {:<14} {:>10.4f} ± {:.4f} nats a row\n", what, kind, r.value, r.error);
  return text;
}

}  // namespace

std::string description_of(const TableModel& model) {
  const Facts& facts = model.facts;
  std::string text = fmt::format("model      {}: {}\n", model.architecture.kind, size_of(model));
  text += fmt::format("columns    {}\n", fmt::join(model.columns, ", "));
  for (const Condition& c : model.conditions.columns) text += line_of(c);
  text += fmt::format(
      "trained on {}: {} rows ({} to train on, {} to validate, {} to test, seed {})\n",
      facts.source, facts.rows, facts.training, facts.validation, facts.test, facts.seed);
  text += fmt::format("in         {:.1f} s{}\n", facts.seconds,
                      facts.stopped ? ", stopped before its end" : "");
  text += table_of("validation", facts.on_validation) + table_of("test", facts.on_test);
  for (const std::string& warning : facts.warnings) text += "warning    " + warning + "\n";
  return text + fmt::format("hash       {}\n", model.hash());
}

std::vector<OutColumn> columns_of(const TableModel& model, const std::vector<std::string>& names) {
  auto words = model.words();
  std::vector<OutColumn> columns;
  columns.reserve(names.size());
  for (const std::string& name : names) columns.push_back({name, words[name]});
  return columns;
}

int run_info(const std::filesystem::path& model) {
  say("{}", description_of(given_model(model)));
  return 0;
}

namespace {

TableModel load_given(const std::filesystem::path& given) {
  const std::filesystem::path path = model_file(given);
  require<FileError>(path == given || std::filesystem::exists(path),
                     "load: {}: no model is in this directory; hint: gradflow fit DATA --out {}",
                     given.string(), shell_word(given.string()));
  if (std::filesystem::is_regular_file(path)) {
    const std::string start(open_source(path.string()).peek(16));
    require<FileError>(!start.empty(), "load: {}: it is empty, and no model", path.string());
    require<FileError>(looks_like_safetensors(start),
                       "load: {}: it is no model; gradflow fit makes one", path.string());
  }
  return load_model(path);
}

bool is_model(const std::filesystem::path& given) {
  try {
    load_given(given);
  } catch (const std::exception&) {
    return false;
  }
  return true;
}

}  // namespace

TableModel given_model(const std::filesystem::path& given, const std::string& data) {
  try {
    return load_given(given);
  } catch (const FileError& error) {
    if (data.empty() || data == "-" || !is_model(data)) throw;
    throw FileError(
        fmt::format("{}; hint: {} is one: MODEL comes first, then DATA", error.what(), data));
  }
}

std::filesystem::path model_file(const std::filesystem::path& given) {
  return std::filesystem::is_directory(given) ? given / "model.safetensors" : given;
}

}  // namespace gradflow
