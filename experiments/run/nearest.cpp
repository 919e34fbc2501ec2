#include "experiments/run/nearest.h"

#include <algorithm>

namespace gradflow {
namespace {

// Damerau, "A technique for computer detection and correction of spelling errors" (1964). Row i of
// `slips` is for the first i letters of a, its place j for the first j of b:
//   slips[i][j] = min(slips[i - 1][j] + 1,  slips[i][j - 1] + 1,
//                     slips[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
//                     slips[i - 2][j - 2] + 1   if the last two letters are swapped)
std::size_t slips_between(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> slips(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      std::size_t& least = slips[i][j] = std::max(i, j);
      if (i == 0 || j == 0) continue;
      least = std::min({slips[i - 1][j] + 1, slips[i][j - 1] + 1,
                        slips[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        least = std::min(least, slips[i - 2][j - 2] + 1);
    }
  return slips[a.size()][b.size()];
}

}  // namespace

std::string nearest(const std::string& given, const std::vector<std::string>& names) {
  std::string best;
  std::size_t fewest = std::max<std::size_t>(1, given.size() / 3) + 1;
  if (given.size() > 100) return best;  // no slip makes a name of that
  for (const std::string& name : names)
    if (const std::size_t slips = slips_between(given, name); slips < fewest)
      fewest = slips, best = name;
  return best;
}

}  // namespace gradflow
