#include "tests/tables/registry.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "tensor/real.h"

namespace gradflow {
namespace {

struct Check {
  bool is_kind = false;  // of a row, and no check
  long rows = 0;
  std::set<std::string> entries;
};

// A list in the order of first use, with access by name.
template <class T>
struct Named {
  std::vector<std::pair<std::string, T>> list;
  T& operator[](const std::string& name) {
    for (auto& [key, value] : list)
      if (key == name) return value;
    return list.emplace_back(name, T{}).second;
  }
};

class Registry {
 public:
  ~Registry() {
    if (tables.list.empty()) return;
    const char* path = std::getenv("GRADFLOW_REGISTRY_FILE");
    std::FILE* file = path ? std::fopen(path, "w") : stdout;
    if (!file) file = stdout;
    const std::string text = closing_table();
    std::fputs(text.c_str(), file);
    if (file != stdout) std::fclose(file);
  }

  Named<Named<Check>> tables;

 private:
  std::string closing_table() const {
    std::string text = fmt::format("{:<62}{:>8}{:>10}\n",
                                   fmt::format("rows x checks, real = {}",
                                               sizeof(real) == sizeof(double) ? "double" : "float"),
                                   "rows", "of");
    long total = 0;
    for (const auto& [table, checks] : tables.list) {
      text += table + "\n";
      for (const auto& [name, check] : checks.list) {
        text += fmt::format("  {:<60}{:>8}{:>10}\n", (check.is_kind ? "  rows " : "") + name,
                            check.rows, check.entries.size());
        if (!check.is_kind) total += check.rows;
      }
    }
    return text + fmt::format("{:<62}{:>8}\n", "checks of rows, all together", total);
  }
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

void counted(const std::string& table, const std::string& check, const std::string& entry) {
  Check& found = registry().tables[table][check];
  ++found.rows;
  found.entries.insert(entry);
}

void noted(const std::string& table, const std::string& kind, const std::string& entry) {
  counted(table, kind, entry);
  registry().tables[table][kind].is_kind = true;
}

}  // namespace gradflow
