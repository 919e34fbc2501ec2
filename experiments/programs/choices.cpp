#include "experiments/programs/choices.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

namespace gradflow {
namespace {

Names split(const std::string& text) {
  std::istringstream in(text);
  Names names;
  for (std::string name; std::getline(in, name, ',');) names.push_back(name);
  return names;
}

}  // namespace

Setting names_setting(std::string name, Names& value, const Names& possible, std::string help,
                      bool (*also)(const std::string& name)) {
  const auto read = [name, &value, possible, also](const std::string& text) {
    const Names given = split(text);
    require<SettingError>(!given.empty(), "{} given without a name", name);
    for (const std::string& one : given)
      require<SettingError>(std::ranges::count(possible, one) == 1 || (also && also(one)),
                            "{} {} given; {} is required", name, one,
                            fmt::format("{}", fmt::join(possible, "|")));
    value = given;
  };
  return {std::move(name), std::move(help), "NAME,NAME,...", read,
          [&value] { return fmt::format("{}", fmt::join(value, ",")); }};
}

}  // namespace gradflow
