#include "experiments/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "experiments/run/clock.h"
#include "experiments/run/say.h"

namespace gradflow {
namespace {

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
  if (drawn_) say("\r\033[K");
  drawn_ = false;
}

std::string progress_line(const Progress& p, Index columns, const std::string& note) {
  const double share = (static_cast<double>(p.epoch - 1) +
                        static_cast<double>(p.step) / static_cast<double>(p.steps)) /
                       static_cast<double>(p.epochs);
  const Index steps_left = (p.epochs - p.epoch + 1) * p.steps - p.step;
  const std::string percent = fmt::format("{:3.0f}%", 100 * share);
  const std::string epoch = fmt::format("{} epoch {}/{}", percent, p.epoch, p.epochs);
  const std::string loss = fmt::format("{}  loss {:.4f}{}", epoch, p.loss, note);
  const std::string left = duration_text(static_cast<double>(steps_left) / p.steps_per_second);
  const std::string all = fmt::format("{}  {:.0f} steps/s  ETA {}", loss, p.steps_per_second, left);
  const Index room = columns - 1;
  if (const Index width = room - std::ssize(all) - 1; width > 0)
    return bar(share, std::min<Index>(width, 30)) + " " + all;
  for (const std::string& text : {all, fmt::format("{}  ETA {}", loss, left), loss, epoch, percent})
    if (std::ssize(text) <= room) return text;
  return "";
}

void ProgressBar::on_step(const Progress& progress, const std::string& note) {
  if (!terminal_ || seconds_now() - last_drawn_ < 0.1) return;
  last_drawn_ = seconds_now();
  say("\r\033[K{}", progress_line(progress, terminal_width(), note));
  drawn_ = true;
}

void ProgressBar::on_epoch(const Epoch& epoch, Index epochs) {
  clear();
  std::string line =
      fmt::format("{}: epoch {:2}/{}  loss {:.4f}", name_, epoch.number, epochs, epoch.loss);
  for (const auto& [name, value] : epoch.metrics) line += fmt::format("  {} {:.4f}", name, value);
  say("{}  lr {:.2e}  {:.1f} s\n", line, epoch.learning_rate, epoch.seconds);
}

}  // namespace gradflow
