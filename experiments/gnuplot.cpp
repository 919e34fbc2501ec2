// A child process in four steps: start it, wait with a time limit, explain a failure, check the
// image. stderr goes to an unnamed file, not to a pipe: it cannot fill up and block the child.
#include "experiments/gnuplot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

namespace gradflow {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
namespace fs = std::filesystem;

constexpr auto kTimeLimit = 60s;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

[[noreturn]] void fail(const std::string& what) { throw FigureError("gnuplot: " + what); }

// How the child is set up: in `directory`, nothing to read, its messages into `messages`.
class SpawnPlan {
 public:
  SpawnPlan(const fs::path& directory, int messages) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
    // A process group of its own, so that a gnuplot that is a wrapper script can be killed whole.
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

pid_t start(const fs::path& directory, std::vector<std::string> arguments, int messages) {
  const SpawnPlan plan(directory, messages);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, argv[0], &plan.actions, &plan.attributes, argv.data(), environ);
  if (error == ENOENT) {
    fail(
        "not found on PATH; it draws the figures; hint: apt install gnuplot-nox, then run again "
        "with --figures-only");
  }
  if (error != 0) fail(fmt::format("cannot be started: {}", std::strerror(error)));
  return pid;
}

// The child's status as waitpid gives it.
int wait_for(pid_t pid, const std::string& script) {
  const auto deadline = std::chrono::steady_clock::now() + kTimeLimit;
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) return status;
    if (ended < 0 && errno != EINTR) fail("cannot be waited for: "s + std::strerror(errno));
    if (std::chrono::steady_clock::now() > deadline) {
      kill(-pid, SIGKILL);
      waitpid(pid, &status, 0);
      fail(fmt::format("{} took more than {} s and was killed", script, kTimeLimit.count()));
    }
    std::this_thread::sleep_for(2ms);
  }
}

std::string read_all(std::FILE* file) {
  std::string text;
  std::array<char, 4096> block{};
  std::rewind(file);
  while (const auto n = std::fread(block.data(), 1, block.size(), file))
    text.append(block.data(), n);
  return text;
}

// gnuplot echoes the faulty line and a caret before `"fig01.gp" line 12: what is wrong`: this
// finds that last line, or takes the last that says anything at all.
std::string complaint(const std::string& messages, const std::string& script) {
  std::string last;
  std::string located;
  std::istringstream lines(messages);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    last = line;
    if (line.front() == '"' && line.find("\" line ") != std::string::npos) located = line;
  }
  if (located.empty()) return script + ": " + (last.empty() ? "failed without a message" : last);
  std::erase(located, '"');
  return located;
}

std::string outcome(int status) {
  return WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                             : fmt::format("exit status {}", WEXITSTATUS(status));
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
  const std::string draft = image + ".part";
  struct RemoveDraft {
    fs::path path;
    ~RemoveDraft() {
      std::error_code ignored;
      fs::remove(path, ignored);
    }
  };
  const RemoveDraft whatever_happens{directory / draft};
  fs::remove(directory / image);

  const File messages(std::tmpfile(), &std::fclose);
  if (!messages) fail("no temporary file for its messages: "s + std::strerror(errno));
  const std::string variables =
      fmt::format("format = '{}'; file = {}", format, gnuplot_quoted(draft));
  // -d: the user's own ~/.gnuplot must not restyle the figures.
  const pid_t pid =
      start(directory, {"gnuplot", "-d", "-e", variables, script}, fileno(messages.get()));
  const int status = wait_for(pid, script);
  if (status != 0) {
    fail(fmt::format("{} ({})", complaint(read_all(messages.get()), script), outcome(status)));
  }
  if (!is_complete(directory / draft, format)) {
    fail(fmt::format("{} ended well but left no complete image {}", script, image));
  }
  fs::rename(directory / draft, directory / image);
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
