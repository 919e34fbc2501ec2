#include "experiments/table/read/faults.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/run/shell.h"
#include "experiments/table/write/output.h"

namespace gradflow {
namespace {

// On one line, whatever a name or a field holds.
std::string on_one_line(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace

void Faults::add(std::string what, std::string hint, std::string column) {
  all_.push_back({std::move(what), std::move(hint), std::move(column)});
}

bool Faults::again(Kind kind, Index column) {
  const auto found = places_.find({kind, column});
  if (found == places_.end()) return false;
  ++all_[found->second].count;
  return true;
}

void Faults::add(Kind kind, Index place, const std::string& column, std::string what,
                 std::string hint) {
  places_[{kind, place}] = all_.size();
  all_.push_back({std::move(what), std::move(hint), column, kind == Kind::missing});
}

void Faults::refuse() const {
  constexpr std::size_t kMost = 20;
  if (all_.empty()) return;
  if (all_.size() == 1) throw FileError(about_ + ": " + line_of(all_.front()));
  std::string text = fmt::format("{}: {} things are wrong:", about_, all_.size());
  for (std::size_t i = 0; i < std::min(all_.size(), kMost); ++i) text += "\n  " + line_of(all_[i]);
  if (all_.size() > kMost) text += fmt::format("\n  and {} more", all_.size() - kMost);
  if (const std::string all = options(); !all.empty())
    text += "\n  hint: what options can mend, these do together:" + on_one_line(all);
  throw FileError(text);
}

// If most rows lacked a number, hardly any would be left.
bool Faults::drops(const Fault& fault) const {
  return fault.may_drop && (2 * fault.count <= rows_ || !columns_may_go_);
}

std::string Faults::hint_of(const Fault& fault) const {
  if (drops(fault)) return "--missing drop leaves such rows out";
  if (!fault.may_drop) return fault.hint;
  return fmt::format("--except {} leaves the column out", as_argument({fault.column}));
}

std::string Faults::line_of(const Fault& fault) const {
  std::string text = fault.what;
  if (fault.count > 1)
    text += fmt::format(" (and {} more row{})", fault.count - 1, fault.count > 2 ? "s" : "");
  if (const std::string hint = hint_of(fault); !hint.empty()) text += "; hint: " + hint;
  return on_one_line(text);
}

// " --except a,b --missing drop"
std::string Faults::options() const {
  std::vector<std::string> columns;
  bool drop = false;
  for (const Fault& fault : all_) {
    drop |= drops(fault);
    if (drops(fault) || fault.column.empty() || !columns_may_go_) continue;
    if (std::ranges::find(columns, fault.column) == columns.end()) columns.push_back(fault.column);
  }
  return (columns.empty() ? "" : " --except " + as_argument(columns)) +
         (drop ? " --missing drop" : "");
}

std::string as_argument(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    const bool plain = name.find_first_of(",\"") == name.npos;
    list += (list.empty() ? "" : ",") + (plain ? name : csv_field(name));
  }
  return shell_word(list);
}

std::string leaving_out(const std::vector<std::string>& names) {
  return fmt::format("--except {} leaves {} out", as_argument(names),
                     names.size() == 1 ? "it" : "them");
}

}  // namespace gradflow
