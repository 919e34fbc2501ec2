#include "experiments/table/plane_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "experiments/table/architecture.h"
#include "flows/base/class_conditional.h"
#include "flows/chain.h"
#include "flows/continuous.h"
#include "flows/recipes.h"

namespace gradflow {
namespace {

using Json = nlohmann::ordered_json;

constexpr Index kMostUnits = 4096, kMostLayers = 100;  // sizes that a file is believed
const std::string kConditional = "conditional_", kUnits = "normalization.";

const std::string& text_of(const Texts& about, const std::string& key) {
  const auto found = about.find(key);
  require<FileError>(found != about.end(), "it does not say its \"{}\"", key);
  return found->second;
}

const Tensor& tensor_of(const NamedTensors& all, const std::string& name) {
  const auto found = all.find(name);
  require<FileError>(found != all.end(), "it has no \"{}\"", name);
  return found->second;
}

// --- sizes, from the shapes of tensors ---

// The hidden layers of the network whose tensors begin so: the biases of all layers but the last.
std::vector<Index> hidden_in(const NamedTensors& all, const std::string& prefix) {
  std::vector<Index> sizes;
  for (auto at = all.find(prefix + "0.bias"); at != all.end();
       at = all.find(fmt::format("{}{}.bias", prefix, sizes.size()))) {
    const Index before = sizes.empty() ? 0 : sizes.back();
    sizes.push_back(at->second.size());
    require<FileError>(sizes.back() <= kMostUnits && std::ssize(sizes) <= kMostLayers,
                       "{}: a network of {} layers, the last of {} units; at most {} of {}", prefix,
                       sizes.size(), sizes.back(), kMostLayers, kMostUnits);
    const std::string weight = fmt::format("{}{}.weight", prefix, sizes.size() - 1);
    require<FileError>(
        sizes.size() == 1 || tensor_of(all, weight).shape() == Shape{sizes.back(), before},
        "{} is not from {} to {} units", weight, before, sizes.back());
  }
  require<FileError>(sizes.size() >= 2, "it has no network \"{}\"", prefix);
  sizes.pop_back();
  return sizes;
}

// How many numbers a network is told beside the first `own`.
Index context_in(const NamedTensors& all, const std::string& prefix, Index own) {
  const Tensor& first = tensor_of(all, prefix + "0.weight");
  require<FileError>(first.rank() == 2 && first.shape()[1] >= own && first.shape()[1] <= kMostUnits,
                     "{}0.weight is {}", prefix, first.shape());
  return first.shape()[1] - own;
}

// Each layer of a flow is followed by a permutation.
Index layers_in(const NamedTensors& all) {
  const Index layers = std::count_if(
      all.begin(), all.end(), [](const auto& entry) { return entry.first.ends_with(".order"); });
  require<FileError>(layers >= 1 && layers <= kMostLayers, "it has {} layers; 1 to {}", layers,
                     kMostLayers);
  return layers;
}

// What a flow of this kind is made of, with a network whose tensors begin so in its first layer.
Architecture sizes_in(const NamedTensors& all, const std::string& kind,
                      const std::string& network) {
  const std::vector<Index> hidden = hidden_in(all, network);
  return {.kind = kind,
          .layers = kind == "flow-matching" ? 1 : layers_in(all),
          .units = hidden.front(),
          .depth = std::ssize(hidden)};
}

Standardize take_units(NamedTensors& all, const std::string& prefix) {
  Standardize units(tensor_of(all, prefix + "mean"), tensor_of(all, prefix + "deviation"));
  require<FileError>(units.dim() == 2, "it is of {} coordinates; of 2, a plane, is required",
                     units.dim());
  all.erase(prefix + "mean");
  all.erase(prefix + "deviation");
  return units;
}

// --- experiments, and the page ---

FlowOptions options_in(const NamedTensors& all, const std::string& network) {
  return {.layers = layers_in(all),
          .network = {.hidden = hidden_in(all, network), .context = context_in(all, network, 1)}};
}

Flow affine_flow(const Texts& about, const NamedTensors& all, Rng& rng) {
  FlowOptions options = options_in(all, "0.scale.");
  const std::string& bound = text_of(about, "scale_bound");
  options.scale_bound = bound == "none" ? INFINITY : std::stof(bound);
  return real_nvp(2, options, rng);
}

Flow spline_flow(const NamedTensors& all, Rng& rng) {
  FlowOptions options = options_in(all, "0.network.");
  options.spline.bins = 32;
  return spline_coupling(2, options, rng);
}

FlowMatching matching_in(const Texts& about, const NamedTensors& all, bool smooth, Rng& rng) {
  const auto number = [&about](const char* name) {  // 0 where nothing is said
    return about.contains(name) ? std::clamp(std::stol(about.at(name)), 0l, 100l) : 0;
  };
  FlowMatchingOptions options{.hidden = hidden_in(all, "network."),
                              .activation = smooth ? activations::silu : activations::leaky_relu,
                              .waves = number("waves"),
                              .octaves = number("octaves")};
  if (const auto table = all.find("classes.weight"); table != all.end()) {
    require<FileError>(table->second.rank() == 2, "classes.weight is {}", table->second.shape());
    options.classes = table->second.shape()[0];
    options.class_dim = table->second.shape()[1];
  }
  return {2, options, rng};
}

PlaneModel of_experiment(const TensorFile& file) {
  NamedTensors all = file.all();
  PlaneModel model{.about = file.metadata, .made_of = {}, .units = take_units(all, kUnits)};
  const std::string& name = text_of(file.metadata, "model");
  const std::string kind = name.starts_with(kConditional) ? name.substr(kConditional.size()) : name;
  Rng rng(0);
  if (kind == "normalizing_flow") {
    model.made_of = sizes_in(all, "affine", "0.scale.");
    model.flow = affine_flow(file.metadata, all, rng);
  } else if (kind == "spline_flow") {
    model.made_of = sizes_in(all, "spline", "0.network.");
    model.flow = spline_flow(all, rng);
  } else if (kind == "flow_matching" || kind == "smooth_flow_matching") {
    model.made_of = sizes_in(all, "flow-matching", "network.");
    model.matching = matching_in(file.metadata, all, kind.starts_with("smooth"), rng);
  } else {
    throw FileError(
        fmt::format("it is a \"{:.40}\", none of: normalizing_flow, spline_flow, "
                    "flow_matching, smooth_flow_matching, and conditional ones",
                    name));
  }
  if (model.flow) {
    load(*model.flow, all);
    model.classes = model.flow->context();
  } else {
    load(*model.matching, all);
    model.classes = model.matching->classes ? model.matching->classes->table.shape()[0] : 0;
  }
  return model;
}

// --- models of tables ---

// Told nothing, or a class.
Index classes_in(const Texts& about) {
  const Json conditions = Json::parse(text_of(about, "conditions"));
  if (conditions.empty()) return 0;
  const Json& first = conditions.at(0);
  require<FileError>(conditions.size() == 1 && !first.at("classes").empty(),
                     "it is told more than a class of each point: {:.60}", first.at("name").dump());
  return std::ssize(first.at("classes"));
}

// A network that is told rows with a 1, as one that is told the vectors of classes: those rows.
FlowMatching as_matching(const VelocityNetwork& network, const Architecture& made_of, Rng& rng) {
  const Index classes = network.context;
  FlowMatching matching(
      2,
      {.hidden = std::vector(static_cast<std::size_t>(made_of.depth), made_of.units),
       .classes = classes,
       .class_dim = std::max<Index>(1, classes),
       .activation = activations::silu},
      rng);
  load(matching.network, tensors(network));
  if (classes > 0) {
    std::vector<Index> each;
    for (Index k = 0; k < classes; ++k) each.push_back(k);
    load(*matching.classes, {{"weight", one_hot(each, classes)}});
  }
  return matching;
}

PlaneModel of_table(const TensorFile& file) {
  const std::string& kind = text_of(file.metadata, "model");
  require<FileError>(!is_mixture(kind),
                     "it is a {}: fitted without a flow, so it has no way from noise to data",
                     kind);
  NamedTensors all = with_prefix(file.all(), kFlowPrefix);
  const Index classes = classes_in(file.metadata);
  PlaneModel model{
      .about = file.metadata, .made_of = {}, .classes = classes, .units = take_units(all, "1.")};
  const NamedTensors own = with_prefix(all, "0.");
  model.made_of = sizes_in(own, kind,
                           kind == "flow-matching" ? ""
                           : kind == "affine"      ? "0.scale."
                           : kind == "spline"      ? "0.network."
                                                   : "0.");
  Rng rng(0);
  Flow flow = plain_flow(model.made_of, 2, classes, rng);
  load(flow, own);
  if (const auto* field = flow.bijection.as<Continuous>())
    model.matching = as_matching(field->network(), model.made_of, rng);
  else
    model.flow = std::move(flow);
  model.ranks = file.at("ranks");
  return model;
}

// The network told a row with a 1 in place of a vector: the first layer adds W_c E[class], of which
// the rows of E are the vectors; that is (W_c E^T) times the row.
VelocityNetwork told_rows(const FlowMatching& matching) {
  if (!matching.classes) return matching.network;
  VelocityNetwork network = matching.network;
  const Tensor E = matching.classes->table.value(), W = network.network.layers[0].W.value();
  const Index own = W.shape()[1] - network.context;
  network.context = E.rows();
  network.network.layers[0].W =
      Parameter(concat({Var(kernel::slice(W, 1, 0, own)),
                        linear(kernel::slice(W, 1, own, W.shape()[1]), E, zeros({E.rows()}))},
                       1)
                    .value());
  return network;
}

}  // namespace

PlaneModel plane_model_in(const TensorFile& file) {
  const std::string& format = text_of(file.metadata, "format");
  require<FileError>(format == kModelFormat || format == kTableFormat,
                     "it is a \"{:.40}\"; a \"{}\" or a \"{}\" is required", format, kModelFormat,
                     kTableFormat);
  try {
    return format == kTableFormat ? of_table(file) : of_experiment(file);
  } catch (const Json::exception& error) {
    throw FileError(fmt::format("what it says of itself cannot be read: {}", error.what()));
  } catch (const std::logic_error& error) {  // a text that is no number
    throw FileError(fmt::format("a setting of it is no number ({})", error.what()));
  }
}

Flow flow_of(const PlaneModel& model) {
  return {Chain{
      model.flow ? model.flow->bijection : AnyBijection(Continuous(told_rows(*model.matching))),
      model.units}};
}

TensorFile file_of(const PlaneModel& model) {
  TensorFile file{{}, model.about};
  if (text_of(model.about, "format") == kTableFormat) {
    for (const auto& [name, x] : tensors(flow_of(model))) file.tensors[kFlowPrefix + name] = x;
    file.tensors["ranks"] = model.ranks;
    file.metadata.erase("hash");  // of an older file, of the numbers that it had
    return file;
  }
  file.tensors = model.flow ? tensors(*model.flow) : tensors(*model.matching);
  file.tensors[kUnits + "mean"] = model.units.mean();
  file.tensors[kUnits + "deviation"] = model.units.deviation();
  return file;
}

Tensor ranks_of(const Flow& flow) {
  constexpr Index kPoints = 1000;
  std::vector<Index> labels;
  for (Index i = 0; i < kPoints; ++i) labels.push_back(i % std::max<Index>(1, flow.context()));
  Rng rng(0);
  const Unrecorded unrecorded;
  Tensor log_p = flow.sample_with_log_prob(kPoints, rng, class_context(labels, flow.context()))
                     .log_prob.value();
  Tensor sorted({kPoints}, log_p.values());
  std::sort(sorted.mutable_data(), sorted.mutable_data() + kPoints);
  return sorted;
}

}  // namespace gradflow
