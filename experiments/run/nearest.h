// nearest: the name that was probably meant by one that is none.
#pragma once

#include <string>
#include <vector>

namespace gradflow {

// Of `names` the one that is told from `given` by the fewest slips (a letter too many, too few or
// another one, two neighbours swapped); empty if that takes more than one slip for every three
// letters.
std::string nearest(const std::string& given, const std::vector<std::string>& names);

}  // namespace gradflow
