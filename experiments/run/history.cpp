#include "experiments/run/history.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "experiments/run/files/file_error.h"

namespace gradflow {
namespace {

using nlohmann::json;

// JSON has no NaN: it is written as null.
double number_from(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace

std::string to_text(const History& history) {
  json epochs = json::array();
  for (const Epoch& e : history.epochs)
    epochs.push_back({{"number", e.number},
                      {"loss", e.loss},
                      {"learning_rate", e.learning_rate},
                      {"seconds", e.seconds},
                      {"metrics", e.metrics}});
  return json{{"epochs", epochs},
              {"lengths", history.lengths},
              {"seconds", history.seconds},
              {"steps_per_second", history.steps_per_second},
              {"library_products", history.library_products}}
      .dump();
}

History history_from(const std::string& text) {
  const json object = json::parse(text);
  History history;
  for (const json& e : object.at("epochs")) {
    Epoch epoch{e.at("number"),
                number_from(e.at("loss")),
                number_from(e.at("learning_rate")),
                number_from(e.at("seconds")),
                {}};
    for (const auto& [name, value] : e.at("metrics").items())
      epoch.metrics[name] = number_from(value);
    if (!history.epochs.empty() && epoch.metrics.size() != history.epochs[0].metrics.size())
      throw FileError("its epochs have different metrics");
    history.epochs.push_back(std::move(epoch));
  }
  if (history.epochs.empty()) throw FileError("it has no epochs");
  if (object.contains("lengths"))
    for (const json& length : object["lengths"]) history.lengths.push_back(length);
  history.library_products = object.value("library_products", false);
  history.seconds = number_from(object.at("seconds"));
  history.steps_per_second = number_from(object.at("steps_per_second"));
  return history;
}

std::vector<double> losses(const History& history) {
  std::vector<double> values;
  for (const Epoch& epoch : history.epochs) values.push_back(epoch.loss);
  return values;
}

std::vector<double> metric(const History& history, const std::string& name) {
  std::vector<double> values;
  for (const Epoch& epoch : history.epochs) {
    const auto found = epoch.metrics.find(name);
    require<FileError>(found != epoch.metrics.end(),
                       "load: the history saved with the weights has no {}", name);
    values.push_back(found->second);
  }
  return values;
}

}  // namespace gradflow
