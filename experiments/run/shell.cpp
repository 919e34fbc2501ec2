#include "experiments/run/shell.h"

#include <algorithm>

namespace gradflow {

std::string shell_word(const std::string& word) {
  const auto plain = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c >= 0x80 ||
           std::string_view("_-+=.,:/@%").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!word.empty() && std::ranges::all_of(word, plain)) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string command_line(int argc, char** argv, std::span<const std::string_view> without) {
  std::string text;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (std::ranges::find(without, word) != without.end()) continue;
    if (i > 0) text += ' ';
    text += shell_word(word);
  }
  return text;
}

}  // namespace gradflow
