#include "experiments/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace gradflow {
namespace {

double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

Index terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string duration_text(double seconds) {
  const auto total = static_cast<Index>(std::clamp(seconds, 0.0, 359999.0));
  return total < 3600 ? fmt::format("{}:{:02}", total / 60, total % 60)
                      : fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

std::string bar(double share, Index width) {
  const auto full = static_cast<Index>(share * static_cast<double>(width));
  std::string text;
  for (Index i = 0; i < width; ++i) text += i < full ? "━" : i == full ? "╸" : " ";
  return text;
}

}  // namespace

ProgressBar::ProgressBar(std::string name)
    : name_(std::move(name)), terminal_(isatty(STDOUT_FILENO) != 0) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (drawn_) fmt::print("\r\033[K");
  drawn_ = false;
  std::fflush(stdout);
}

void ProgressBar::on_step(const Progress& p) {
  if (!terminal_ || now() - last_drawn_ < 0.1) return;
  last_drawn_ = now();
  const double share = (static_cast<double>(p.epoch - 1) +
                        static_cast<double>(p.step) / static_cast<double>(p.steps)) /
                       static_cast<double>(p.epochs);
  const Index steps_left = (p.epochs - p.epoch + 1) * p.steps - p.step;
  const std::string numbers = fmt::format(
      "epoch {}/{}  loss {:.4f}  {:.0f} steps/s  ETA {}", p.epoch, p.epochs, p.loss,
      p.steps_per_second, duration_text(static_cast<double>(steps_left) / p.steps_per_second));
  const Index room = terminal_width() - std::ssize(numbers) - 6;
  fmt::print("\r\033[K{} {:3.0f}% {}", bar(share, std::clamp<Index>(room, 0, 30)), 100 * share,
             numbers);
  std::fflush(stdout);
  drawn_ = true;
}

void ProgressBar::on_epoch(const Epoch& epoch, Index epochs) {
  clear();
  fmt::print("{}: epoch {:2}/{}  loss {:.4f}", name_, epoch.number, epochs, epoch.loss);
  for (const auto& [name, value] : epoch.metrics) fmt::print("  {} {:.4f}", name, value);
  fmt::print("  lr {:.2e}  {:.1f} s\n", epoch.learning_rate, epoch.seconds);
  std::fflush(stdout);
}

}  // namespace gradflow
