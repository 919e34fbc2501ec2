// model_in, plane_model_in: the file of a table's model, or of an experiment's, with some of its
// texts and tensors replaced. Either it is refused in a line that names the file; or it is a model,
// which scores, samples, and comes back from its file.
//
// The input: kind NUL key NUL text NUL key NUL text ... The model of that kind ("maf", or "told
// maf" for one under conditions) is one that was fitted. Each text replaces that of its key; a key
// that begins with ':' names a tensor, and its text is "2 3: 1 nan 7": the shape, and numbers for
// it, again and again. An empty text removes either.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "experiments/table/fit.h"
#include "experiments/table/plane_model.h"
#include "flows/recipes.h"
#include "tensor/error.h"
#include "tests/fuzz/fuzz.h"

using namespace gradflow;

namespace {

// A bow, a number that is told of each point, and a sort.
Table rows() {
  Rng rng(0);
  Table table{{"a", "b", "t", "sort"}, rng.normal({60, 4}), 0, {{"sort", {"iris", "rose"}}}};
  for (Index i = 0; i < 60; ++i) table.values.mutable_data()[4 * i + 3] = static_cast<real>(i % 2);
  return table;
}

TensorFile fitted(const std::string& kind, bool told) {
  Table table = rows();
  if (!told) table = {{"a", "b"}, kernel::slice(table.values, 1, 0, 2), 0, {}};
  FitOptions options{.model = kind, .architecture{.layers = 2, .units = 4}};
  if (told) options.given = {"t", "sort"};
  options.training.epochs = 1;
  return file_of(fit(split(std::move(table)), options));
}

// What the programs of the report leave, small.
TensorFile experiment(const std::string& kind) {
  Rng rng(0);
  const Texts about{
      {"format", kModelFormat},
      {"model", kind},
      {"points", "100"},
      {"seed", "0"},
      {"scale_bound", "2"},
      {"history",
       R"({"epochs": [{"number": 1, "loss": 2, "learning_rate": 1, "seconds": 0.5, "metrics": {}}],
           "seconds": 0.5, "steps_per_second": 3})"}};
  const Standardize units(zeros({2}), ones({2}));
  PlaneModel model{.about = about, .made_of = {}, .units = units};
  FlowOptions small{.layers = 2, .network = {.hidden = {4}}};
  small.spline.bins = 32;
  if (kind == "normalizing_flow") model.flow = real_nvp(2, small, rng);
  if (kind == "spline_flow") model.flow = spline_coupling(2, small, rng);
  if (kind == "flow_matching") model.matching = FlowMatching(2, {.hidden = {4}, .classes = 2}, rng);
  return file_of(model);
}

TensorFile good_file(std::string kind) {
  static std::map<std::string, TensorFile> made;
  const bool told = kind.starts_with("told ");
  const std::string plain = told ? kind.substr(5) : kind;
  const bool table = std::ranges::find(kKinds, plain) != kKinds.end();
  if (!table && kind != "spline_flow" && kind != "flow_matching") kind = "normalizing_flow";
  if (!made.contains(kind)) made[kind] = table ? fitted(plain, told) : experiment(kind);
  return made[kind];
}

Tensor tensor_from(const std::string& text) {
  constexpr double kMost = 10'000;
  std::istringstream words(text);
  std::vector<Index> sizes;
  std::vector<real> numbers;
  double count = 1;
  bool shape = true;
  for (std::string word; words >> word;) {
    if (!shape) {
      numbers.push_back(std::strtof(word.c_str(), nullptr));
      continue;
    }
    shape = !word.ends_with(':');
    sizes.push_back(std::clamp(std::strtol(word.c_str(), nullptr, 10), 0l, 5000l));
    count *= static_cast<double>(sizes.back());
  }
  if (sizes.size() > Shape::kMaxRank || count > kMost) return zeros({1});
  Tensor x = zeros(Shape(sizes));
  for (Index i = 0; i < x.size() && !numbers.empty(); ++i)
    x.mutable_data()[i] = numbers[static_cast<std::size_t>(i) % numbers.size()];
  return x;
}

void replace(TensorFile& file, const std::string& key, const std::string& text) {
  if (key.starts_with(':')) {
    file.tensors.erase(key.substr(1));
    if (!text.empty()) file.tensors.emplace(key.substr(1), tensor_from(text));
  } else {
    file.metadata.erase(key);
    if (!text.empty()) file.metadata.emplace(key, text);
  }
}

// Three rows: zeros, under the first class or the mean of each condition.
Tensor some_rows(const TableModel& model, Index columns) {
  const Conditions& given = model.conditions;
  Tensor all = zeros({3, columns + std::ssize(given.columns)});
  const Index width = all.shape()[1];
  for (Index i = 0; i < 3; ++i)
    for (std::size_t g = 0; g < given.columns.size(); ++g) {
      const Condition& c = given.columns[g];
      all.mutable_data()[i * width + columns + static_cast<Index>(g)] =
          static_cast<real>(c.classes.empty() ? c.mean : c.classes.front());
    }
  return all;
}

void check_model(const TableModel& model) {
  const Index D = model.dim();
  must(D == model.flow.dim(), "the columns are those of the flow");
  must(model.conditions.size() == model.flow.context(), "and so are the conditions");
  for (const auto& [name, x] : tensors(model.flow)) must(all_finite(x), "its numbers are finite");
  const bool sees_classes = std::ranges::all_of(model.conditions.columns, [](const Condition& c) {
    return std::ranges::all_of(c.classes, [](double value) {
      return static_cast<double>(static_cast<real>(value)) == value;
    });
  });
  if (sees_classes) {
    for (const double log_p : log_prob(model, some_rows(model, D)))
      must(rank(model, log_p) >= 0 && rank(model, log_p) <= 1, "a rank is a share");
    Rng rng(0);
    must(sample(model, some_rows(model, 0), rng).shape() == Shape{3, D}, "a sample is a row");
  }
  must(!fit_json(model).empty(), "its numbers can be told");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::string> parts = parts_of(text_of(data, size));
  TensorFile file = good_file(parts[0]);
  for (std::size_t i = 1; i + 1 < parts.size(); i += 2) replace(file, parts[i], parts[i + 1]);
  try {
    const TableModel model = model_in(file, "input");
    check_model(model);
    if (file.metadata.at("format") == kTableFormat) {
      const TensorFile again =
          file_of(model_in(decode_tensors(encode_tensors(file_of(model)), ""), ""));
      must(again.tensors.size() == file_of(model).tensors.size() &&
               hash_tensors(again.tensors) == hash_tensors(file_of(model).tensors) &&
               again.metadata == file_of(model).metadata,
           "it comes back from its file");
    }
  } catch (const FileError& error) {
    const std::string_view what = error.what();
    must(what.starts_with("load: input: ") && what.find('\n') == what.npos,
         "an error names the file, in one line");
  }
  try {
    const PlaneModel plane = plane_model_in(file);
    must(flow_of(plane).dim() == 2, "it is of the plane");
    must(plane_model_in(file_of(plane)).classes == plane.classes, "and goes back into its file");
  } catch (const Error&) {  // who reads it names the file
  }
  return 0;
}
