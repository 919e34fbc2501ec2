// Signals that ask a program to end: Ctrl-C, SIGTERM, a terminal that is closed (SIGHUP), and a
// pipe that nobody reads any more (SIGPIPE).
//
// The one idea: what a signal means depends on what would be lost. While a model is trained it is a
// request, and the training stops where it can be continued. Afterwards there is nothing to wait
// for, and the program ends, but says first how to go on. What is installed here is taken back at
// the end of a scope; who ends the program is main.
#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <string>

namespace gradflow {

// The handlers of these signals as they are, and put back at the end of a scope.
class SignalScope {
 public:
  SignalScope();
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;
  ~SignalScope();

 private:
  std::array<struct sigaction, 4> before_;
};

// While it is in scope, the first of these signals is a request to stop; a second one ends the
// program at once, but for that of the pipe. A hangup that is ignored (nohup) stays so.
class StopRequests : SignalScope {
 public:
  StopRequests();

  const std::atomic<bool>& requested() const;
  int signal() const;  // that was received; 0: none
};

// While it is in scope, such a signal ends the program, and the processes that it has started,
// after `farewell` has been written to stderr. A closed pipe does not.
class Farewell : SignalScope {
 public:
  explicit Farewell(std::string farewell);
};

// A pipe that nobody reads is no reason to end: see say.h.
void ignore_closed_pipes();

}  // namespace gradflow
