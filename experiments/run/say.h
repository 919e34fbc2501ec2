// say: what a person is told.
//
// The one idea: nothing that is printed is worth the work of an hour. A terminal that has been
// closed, a pipe whose reader has gone, a full disk: whoever prints goes on. That something was
// lost is said at the end, by the program (see all_was_said). Of several processes that train one
// model (nn/ranks.h) the first speaks.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

#include "nn/ranks.h"

namespace gradflow {

inline void say_to(std::FILE* file, const std::string& text) {
  if (rank() != 0) return;
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

// On stdout, at once.
template <class... T>
void say(fmt::format_string<T...> format, T&&... values) {
  say_to(stdout, fmt::format(format, std::forward<T>(values)...));
}

// On stderr.
template <class... T>
void complain(fmt::format_string<T...> format, T&&... values) {
  say_to(stderr, fmt::format(format, std::forward<T>(values)...));
}

// False if something that was said on stdout has not arrived.
inline bool all_was_said() { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

}  // namespace gradflow
