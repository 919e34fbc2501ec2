#include "experiments/run/signals.h"

#include <unistd.h>

#include <csignal>

#include "experiments/run/process.h"

namespace gradflow {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGPIPE};

std::atomic<bool> stop_requested = false;
std::atomic<int> received = 0;
std::string farewell;

void request_stop(int signal) {
  received = signal;
  stop_requested = true;
}

// The handler was reset when it was called: raised again, the signal ends the program.
void say_farewell(int signal) {
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, farewell.data(), farewell.size());
  kill_processes();  // gnuplot, and what makes the animation
  ::raise(signal);
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

bool is_ignored(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

void handle_all(void (*handler)(int)) {
  const auto once = static_cast<int>(SA_RESETHAND);
  handle(SIGINT, handler, once);
  handle(SIGTERM, handler, once);
  if (!is_ignored(SIGHUP)) handle(SIGHUP, handler, once);
}

}  // namespace

SignalScope::SignalScope() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &before_[i]);
}

SignalScope::~SignalScope() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

StopRequests::StopRequests() {
  received = 0;
  stop_requested = false;
  handle_all(request_stop);
  handle(SIGPIPE, request_stop, SA_RESTART);  // each word that is said may cause another
}

const std::atomic<bool>& StopRequests::requested() const { return stop_requested; }
int StopRequests::signal() const { return received; }

Farewell::Farewell(std::string text) {
  farewell = std::move(text);
  handle_all(say_farewell);
  ignore_closed_pipes();
}

void ignore_closed_pipes() { handle(SIGPIPE, SIG_IGN, 0); }

}  // namespace gradflow
