#include "nn/parameters.h"

#include <fmt/format.h>

#include <set>

#include "nn/hash.h"

namespace gradflow {

void Visitor::operator()(const std::string& name, Parameter& parameter) const {
  on_tensor_(
      prefix_ + name, parameter.value(), [&](const Tensor& x) { parameter = x; }, &parameter);
}

void Visitor::operator()(const std::string& name, Tensor& fixed) const {
  (*this)(name, fixed, [&fixed](const Tensor& value) { fixed = value; });
}

void Visitor::operator()(const std::string& name, const Tensor& value, const Set& set) const {
  on_tensor_(prefix_ + name, value, set, nullptr);
}

namespace {

// Every tensor of a model, in the order of its visit: what it is now, and how it is set. Throws
// GraphError for two of one name.
struct Entry {
  std::string name;
  Tensor value;
  Visitor::Set set;
  Parameter* trained;
};
std::vector<Entry> entries(const AnyModel& model) {
  std::vector<Entry> all;
  std::set<std::string> names;
  model.visit(Visitor([&](const std::string& name, const Tensor& value, const Visitor::Set& set,
                          Parameter* trained) {
    require<GraphError>(names.insert(name).second,
                        "visit: two tensors named \"{}\" given; each name once", name);
    all.push_back({name, value, set, trained});
  }));
  return all;
}

NamedTensors tensors_of(const AnyModel& model, bool trained, bool fixed) {
  NamedTensors all;
  for (const Entry& entry : entries(model))
    if (entry.trained ? trained : fixed) all.emplace(entry.name, entry.value);
  return all;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text.empty() ? "nothing" : text;
}

}  // namespace

Parameters parameters_of(const AnyModel& model) {
  Parameters list;
  for (const Entry& entry : entries(model))
    if (entry.trained) list.push_back({entry.name, entry.trained});
  return list;
}

NamedTensors tensors(const AnyModel& model) { return tensors_of(model, true, true); }
NamedTensors trained_tensors(const AnyModel& model) { return tensors_of(model, true, false); }
NamedTensors fixed_tensors(const AnyModel& model) { return tensors_of(model, false, true); }

Index count(const AnyModel& model) {
  Index numbers = 0;
  for (const auto& [name, x] : trained_tensors(model)) numbers += x.size();
  return numbers;
}

void load(const AnyModel& model, const NamedTensors& tensors) {
  const std::vector<Entry> own = entries(model);
  std::vector<std::string> missing, left_over;
  std::set<std::string> names;
  for (const Entry& entry : own) {
    names.insert(entry.name);
    if (!tensors.contains(entry.name)) missing.push_back(entry.name);
  }
  for (const auto& [name, x] : tensors)
    if (!names.contains(name)) left_over.push_back(name);
  require(missing.empty() && left_over.empty(),
          "load: tensors of another model given; missing: {}; too many: {}", listed(missing),
          listed(left_over));
  for (const Entry& entry : own)
    require(tensors.at(entry.name).shape() == entry.value.shape(),
            "load: {} given for \"{}\"; {} is required", tensors.at(entry.name).shape(), entry.name,
            entry.value.shape());
  try {
    for (const Entry& entry : own) entry.set(tensors.at(entry.name));
  } catch (...) {  // one that is not trained made no sense
    for (const Entry& entry : own) entry.set(entry.value);
    throw;
  }
}

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
  Fnv1a hash;
  for (const auto& [name, x] : tensors) {
    hash.add(name + to_string(x.shape()));
    hash.add(x.data(), x.values().size_bytes());
  }
  return hash.digits();
}

}  // namespace gradflow
