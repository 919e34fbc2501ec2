// A command as it can be given to a shell again: for messages such as "go on with: ... --resume".
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gradflow {

// A word of a command line as a shell wants it: in quotes if need be.
std::string shell_word(const std::string& word);

// The command that has begun this program, but for the options `without`.
std::string command_line(int argc, char** argv, std::span<const std::string_view> without);

}  // namespace gradflow
