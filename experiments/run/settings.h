// Settings: the numbers and choices that decide what a run learns, each declared once.
//
// The one idea: a setting is a variable with a name, a range and a sentence of help. The command
// line, its help, what is saved with the weights and the comparison when a run is continued all
// follow from that one line:
//
//   struct CouplingSettings {
//     double scale_bound = 2;
//     Settings list() {
//       return {setting("scale_bound", scale_bound, AboveZeroOrNone{}, "Largest log-scale")};
//     }
//   };
//
// Read next: options.h, the command line.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/shape.h"

namespace gradflow {

struct SettingError : Error {  // a value that a setting does not take
  using Error::Error;
};

struct Setting {
  std::string name;    // as in a file, e.g. "scale_bound"; its option is --scale-bound
  std::string help;    // one sentence
  std::string values;  // which it takes, for --help
  // From the text of an option or a file. Throws SettingError, and says what is required.
  std::function<void(const std::string& text)> read;
  std::function<std::string()> text;  // its value, as read() takes it
  // If it is "yes" or "no": the flag that makes it the other one, e.g. "random-start".
  std::string flag = {};

  std::string option() const;  // e.g. "--scale-bound", or "--random-start"
};
using Settings = std::vector<Setting>;

// What a setting may be. The ends belong to a range.
template <class Number>
struct Range {
  Number low, high;
};
struct AboveZeroOrNone {};  // a finite number above 0, or "none", which is infinity: no limit
struct OneOf {
  std::vector<std::string> values;
};
struct TurnedBy {  // yes or no
  std::string flag;
};

// Declare one. The variable must live as long as the setting is used.
Setting setting(std::string name, Index& value, Range<Index> range, std::string help);
Setting setting(std::string name, std::uint64_t& value, Range<std::uint64_t> range,
                std::string help);
Setting setting(std::string name, double& value, Range<double> range, std::string help);
Setting setting(std::string name, double& value, AboveZeroOrNone, std::string help);
Setting setting(std::string name, std::string& value, OneOf values, std::string help);
Setting setting(std::string name, bool& value, TurnedBy flag, std::string help);

// All of `first`, then all of `second`.
Settings operator+(Settings first, const Settings& second);

// Their values by name; and back: throws SettingError if one is missing or not possible. Other
// texts are of no concern.
using Texts = std::map<std::string, std::string>;
Texts texts_of(const Settings& settings);
void read_texts(const Settings& settings, const Texts& texts);

}  // namespace gradflow
