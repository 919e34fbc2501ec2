// A figure in three steps: run the script with a time limit, explain a failure, check the image.
#include "experiments/draw/gnuplot.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "experiments/run/process.h"

namespace gradflow {
namespace {

using namespace std::string_view_literals;
using Kind = ProcessEnd::Kind;
namespace fs = std::filesystem;

// More than ten times what the largest figure takes on a slow machine.
constexpr int kUsualLimit = 60;
constexpr const char* kLimitVariable = "GRADFLOW_GNUPLOT_SECONDS";

[[noreturn]] void fail(const std::string& what) { throw FigureError("gnuplot: " + what); }

std::chrono::seconds time_limit() {
  const char* text = std::getenv(kLimitVariable);
  const int seconds = text ? std::atoi(text) : 0;
  return std::chrono::seconds(seconds > 0 ? seconds : kUsualLimit);
}

// gnuplot echoes the faulty line and a caret before `"fig01.gp" line 12: what is wrong`: this
// finds that last line, or takes the last that says anything at all.
std::string complaint(const std::string& messages, const std::string& script) {
  std::string located;
  std::istringstream lines(messages);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with('"') && line.find("\" line ") != std::string::npos) located = line;
  const std::string last = last_line(messages);
  if (located.empty()) return script + ": " + (last.empty() ? "failed without a message" : last);
  std::erase(located, '"');
  return located;
}

// One gnuplot that hangs is waited for, not one for every figure.
std::atomic<bool> has_hung = false;

void run_script(const fs::path& directory, const std::string& script,
                const std::string& variables) {
  if (has_hung) fail(fmt::format("{} was not tried, as an earlier one took too long", script));
  const auto limit = time_limit();
  // -d: the user's own ~/.gnuplot must not restyle the figures.
  const ProcessEnd end = run_process(directory, {"gnuplot", "-d", "-e", variables, script}, limit);
  switch (end.kind) {
    case Kind::not_found:
      fail(
          "not found on PATH; it draws the figures; hint: apt install gnuplot-nox, then run again "
          "(an experiment, with --figures-only)");
    case Kind::not_started:
      fail(fmt::format("cannot be started: {}", std::strerror(end.code)));
    case Kind::timed_out:
      has_hung = true;
      fail(
          fmt::format("{} took more than {} s and was killed; hint: {} allows more; then run "
                      "again (an experiment, with --figures-only)",
                      script, limit.count(), kLimitVariable));
    case Kind::killed:
      fail(fmt::format("{} (killed by signal {})", complaint(end.messages, script), end.code));
    case Kind::exited:
      if (end.code == 0) return;
      fail(fmt::format("{} (exit status {})", complaint(end.messages, script), end.code));
  }
}

// A complete image of each format starts and ends with known bytes: cut short, it lacks the last.
bool is_complete(const fs::path& image, const std::string& format) {
  std::ifstream in(image, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const auto framed = [&](std::string_view first, std::string_view last) {
    const auto end = bytes.rfind(last);
    return bytes.starts_with(first) && end != std::string::npos && end + 32 > bytes.size();
  };
  if (format == "png") return framed("\x89PNG\r\n\x1a\n"sv, "IEND\xae\x42\x60\x82"sv);
  if (format == "svg") return framed("<?xml"sv, "</svg>"sv);
  return framed("%PDF-"sv, "%%EOF"sv);
}

}  // namespace

void run_gnuplot(const fs::path& directory, const std::string& name, const std::string& format) {
  const std::string script = name + ".gp";
  const std::string image = name + "." + format;
  run_script(directory, script,
             fmt::format("format = '{}'; file = {}", format, gnuplot_quoted(image)));
  if (!is_complete(directory / image, format)) {
    fail(fmt::format("{} ended well but left no complete image {}", script, image));
  }
}

// Within single quotes gnuplot leaves backslashes, backticks (a shell!) and @macros alone; only the
// quote itself is doubled, and a line break has to be spelled in double quotes.
std::string gnuplot_quoted(const std::string& text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\n') {
      literal += "'.\"\\n\".'";
    } else {
      literal.append(c == '\'' ? 2 : 1, c);
    }
  }
  return literal + "'";
}

}  // namespace gradflow
