#include "nn/parameters.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradflow {

void Visitor::operator()(const std::string& name, Parameter& parameter) const {
  trained_(prefix_ + name, parameter);
}

void Visitor::operator()(const std::string& name, Tensor& fixed) const {
  (*this)(name, fixed, [&fixed](const Tensor& value) { fixed = value; });
}

void Visitor::operator()(const std::string& name, const Tensor& value, const Set& set) const {
  fixed_(prefix_ + name, value, set);
}

namespace detail {
namespace {

// Every tensor of a model, by name: what it is now, and how it is set. Throws GraphError for two of
// one name.
struct Entry {
  Tensor value;
  Visitor::Set set;
  bool trained;
};
std::map<std::string, Entry> entries(const Visit& visit) {
  std::map<std::string, Entry> all;
  const auto add = [&all](const std::string& name, Entry entry) {
    require<GraphError>(all.emplace(name, std::move(entry)).second,
                        "visit: two tensors named \"{}\" given; each name once", name);
  };
  visit(Visitor(
      [&](const std::string& name, Parameter& parameter) {
        add(name, {parameter.value(), [&parameter](const Tensor& x) { parameter = x; }, true});
      },
      [&](const std::string& name, const Tensor& value, const Visitor::Set& set) {
        add(name, {value, set, false});
      }));
  return all;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text.empty() ? "nothing" : text;
}

}  // namespace

Parameters parameters(const Visit& visit) {
  entries(visit);  // no name twice
  Parameters list;
  visit(Visitor(
      [&](const std::string& name, Parameter& parameter) {
        list.push_back({name, &parameter});
      },
      [](const std::string&, const Tensor&, const Visitor::Set&) {}));
  return list;
}

NamedTensors tensors(const Visit& visit, bool trained, bool fixed) {
  NamedTensors all;
  for (const auto& [name, entry] : entries(visit))
    if (entry.trained ? trained : fixed) all.emplace(name, entry.value);
  return all;
}

Index count(const Visit& visit) {
  Index numbers = 0;
  for (const auto& [name, x] : tensors(visit, true, false)) numbers += x.size();
  return numbers;
}

void load(const Visit& visit, const NamedTensors& tensors) {
  const auto own = entries(visit);
  std::vector<std::string> missing, left_over;
  for (const auto& [name, entry] : own)
    if (!tensors.contains(name)) missing.push_back(name);
  for (const auto& [name, x] : tensors)
    if (!own.contains(name)) left_over.push_back(name);
  require(missing.empty() && left_over.empty(),
          "load: tensors of another model given; missing: {}; too many: {}", listed(missing),
          listed(left_over));
  for (const auto& [name, entry] : own)
    require(tensors.at(name).shape() == entry.value.shape(),
            "load: {} given for \"{}\"; {} is required", tensors.at(name).shape(), name,
            entry.value.shape());
  try {
    for (const auto& [name, entry] : own) entry.set(tensors.at(name));
  } catch (...) {  // one that is not trained made no sense
    for (const auto& [name, entry] : own) entry.set(entry.value);
    throw;
  }
}

}  // namespace detail

NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors result;
  for (const auto& [name, x] : tensors)
    if (name.starts_with(prefix)) result.emplace(name.substr(prefix.size()), x);
  return result;
}

void assign(const Parameters& parameters, const NamedTensors& values) {
  for (const auto& [name, parameter] : parameters) {  // all are checked before any is changed
    const auto found = values.find(name);
    require(found != values.end(), "assign: no value for parameter \"{}\" given", name);
    const Shape& given = found->second.shape();
    const Shape& required = parameter->shape();
    require(given == required, "assign: {} given for parameter \"{}\"; {} is required", given, name,
            required);
  }
  for (const auto& [name, parameter] : parameters) *parameter = values.at(name);
}

std::string hash_tensors(const NamedTensors& tensors) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](const void* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
      hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3;
  };
  for (const auto& [name, x] : tensors) {
    const std::string label = name + to_string(x.shape());
    add(label.data(), label.size());
    add(x.data(), x.values().size_bytes());
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace gradflow
