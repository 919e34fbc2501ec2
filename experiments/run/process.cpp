// stderr goes to a file that is in memory alone, not to a pipe: it cannot fill up and block the
// child, and needs no directory that one may write to.
#include "experiments/run/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <sstream>
#include <thread>

namespace gradflow {
namespace {

using namespace std::chrono_literals;
using Kind = ProcessEnd::Kind;
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// The children that are running, in no order; 0 in a free place. More than there are places cannot
// be killed by kill_processes().
std::array<std::atomic<pid_t>, 64> running;

// Puts a child there while it is in scope.
class Running {
 public:
  explicit Running(pid_t pid) {
    for (auto& place : running) {
      pid_t none = 0;
      if (!place.compare_exchange_strong(none, pid)) continue;
      place_ = &place;
      return;
    }
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (place_) *place_ = 0;
  }

 private:
  std::atomic<pid_t>* place_ = nullptr;
};

// How the child is set up: in `directory`, nothing to read, its messages into `messages`.
class SpawnPlan {
 public:
  SpawnPlan(const std::filesystem::path& directory, int messages) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
    // A process group of its own, so that a program that is a wrapper script can be killed whole.
    posix_spawnattr_init(&attributes);
    // Nor does it inherit that a closed pipe is no reason to end.
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
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

ProcessEnd end_of(int status) {
  if (WIFSIGNALED(status)) return {Kind::killed, WTERMSIG(status)};
  return {Kind::exited, WEXITSTATUS(status)};
}

ProcessEnd wait_for(pid_t pid, std::chrono::seconds limit) {
  const Running listed(pid);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) return end_of(status);
    if (ended < 0 && errno != EINTR) return {Kind::not_started, errno};
    if (std::chrono::steady_clock::now() > deadline) {
      kill(-pid, SIGKILL);
      waitpid(pid, &status, 0);
      return {Kind::timed_out};
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

}  // namespace

ProcessEnd run_process(const std::filesystem::path& directory, std::vector<std::string> arguments,
                       std::chrono::seconds limit) {
  const int memory = memfd_create("messages", MFD_CLOEXEC);
  const File messages(memory < 0 ? nullptr : fdopen(memory, "w+"), &std::fclose);
  if (!messages) return {Kind::not_started, errno};
  const SpawnPlan plan(directory, fileno(messages.get()));
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, argv[0], &plan.actions, &plan.attributes, argv.data(), environ);
  if (error != 0) return {error == ENOENT ? Kind::not_found : Kind::not_started, error};
  ProcessEnd end = wait_for(pid, limit);
  end.messages = read_all(messages.get());
  return end;
}

void kill_processes() noexcept {
  for (const auto& place : running)
    if (const pid_t pid = place) kill(-pid, SIGKILL);
}

std::string last_line(const std::string& messages) {
  std::string last;
  std::istringstream lines(messages);
  for (std::string line; std::getline(lines, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  return last;
}

}  // namespace gradflow
