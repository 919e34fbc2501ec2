// A child process with a time limit: gnuplot, and what makes an animation of its pictures.
//
// The one idea: whatever the program does, it comes to an end, and what is known of that end is a
// value. The caller decides what it means.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace gradflow {

struct ProcessEnd {  // how a process ended
  enum class Kind { not_found, not_started, timed_out, exited, killed } kind;
  int code = 0;            // the exit status, the signal or, if it did not start, the errno
  std::string messages{};  // what it wrote to stderr

  bool succeeded() const { return kind == Kind::exited && code == 0; }
};

// Runs arguments[0], looked up on PATH, in `directory`, with nothing to read and its stdout thrown
// away. After `limit` it is killed, with all processes that it started.
ProcessEnd run_process(const std::filesystem::path& directory, std::vector<std::string> arguments,
                       std::chrono::seconds limit);

// Kills all of them that are running, for a program that is about to end. May be called in the
// handler of a signal.
void kill_processes() noexcept;

// The last line of `messages` that says anything; empty if none does.
std::string last_line(const std::string& messages);

}  // namespace gradflow
