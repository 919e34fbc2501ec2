#include "experiments/run/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

namespace gradflow {
namespace {

// False if the whole text is not a number of this type.
template <class Number>
bool parse_number(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return stop == end && error == std::errc{};
}

// A whole text or nothing: a value that is refused is not taken.
template <class Number>
Setting number(std::string name, Number& value, Range<Number> range, std::string help) {
  const char* const kind = std::is_integral_v<Number> ? "whole number" : "number";
  const auto read = [name, &value, range, kind](const std::string& text) {
    Number given{};
    const bool good =
        parse_number(text, given) && range.low <= given && given <= range.high;  // no NaN is
    require<SettingError>(good, "{} {} given; a {} from {} to {} is required", name, text, kind,
                          range.low, range.high);
    value = given;
  };
  return {std::move(name), std::move(help), fmt::format("{} to {}", range.low, range.high), read,
          [&value] { return fmt::format("{}", value); }};
}

}  // namespace

std::string Setting::option() const {
  std::string spelled = "--" + (flag.empty() ? name : flag);
  std::ranges::replace(spelled, '_', '-');
  return spelled;
}

Setting setting(std::string name, Index& value, Range<Index> range, std::string help) {
  return number(std::move(name), value, range, std::move(help));
}

Setting setting(std::string name, std::uint64_t& value, Range<std::uint64_t> range,
                std::string help) {
  return number(std::move(name), value, range, std::move(help));
}

Setting setting(std::string name, double& value, Range<double> range, std::string help) {
  return number(std::move(name), value, range, std::move(help));
}

Setting setting(std::string name, double& value, AboveZeroOrNone, std::string help) {
  const auto read = [name, &value](const std::string& text) {
    double given = std::numeric_limits<double>::infinity();
    const bool good =
        text == "none" || (parse_number(text, given) && given > 0 && std::isfinite(given));
    require<SettingError>(good, "{} {} given; a number above 0, or none, is required", name, text);
    value = given;
  };
  return {std::move(name), std::move(help), "NUMBER|none", read,
          [&value] { return std::isinf(value) ? "none" : fmt::format("{}", value); }};
}

Setting setting(std::string name, std::string& value, OneOf values, std::string help) {
  const std::string all = fmt::format("{}", fmt::join(values.values, "|"));
  const auto read = [name, &value, all,
                     values = std::move(values.values)](const std::string& text) {
    require<SettingError>(std::ranges::count(values, text) == 1, "{} {} given; {} is required",
                          name, text, all);
    value = text;
  };
  return {std::move(name), std::move(help), all, read, [&value] { return value; }};
}

Setting setting(std::string name, bool& value, TurnedBy flag, std::string help) {
  const auto read = [name, &value](const std::string& text) {
    require<SettingError>(text == "yes" || text == "no", "{} {} given; yes or no is required", name,
                          text);
    value = text == "yes";
  };
  return {std::move(name),     std::move(help), "", read, [&value] { return value ? "yes" : "no"; },
          std::move(flag.flag)};
}

Settings operator+(Settings first, const Settings& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Texts texts_of(const Settings& settings) {
  Texts texts;
  for (const Setting& setting : settings) texts[setting.name] = setting.text();
  return texts;
}

void read_texts(const Settings& settings, const Texts& texts) {
  for (const Setting& setting : settings) {
    const auto found = texts.find(setting.name);
    require<SettingError>(found != texts.end(), "no {} given", setting.name);
    setting.read(found->second);
  }
}

}  // namespace gradflow
