// Choices: settings that are lists of names, as "--sets moons,rings".
//
// Read next: densities.cpp, sf2m.cpp.
#pragma once

#include <string>
#include <vector>

#include "experiments/run/settings.h"

namespace gradflow {

using Names = std::vector<std::string>;

// A setting whose text is names with commas between them, each one of `possible`, or one that
// `also` takes, if there is such. The variable must live as long as the setting is used.
Setting names_setting(std::string name, Names& value, const Names& possible, std::string help,
                      bool (*also)(const std::string& name) = nullptr);

}  // namespace gradflow
