#include "tests/benchmark/child.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace gradflow {
namespace {

std::string read_all(int descriptor) {
  std::string text;
  char buffer[4096];
  ssize_t got;
  while ((got = ::read(descriptor, buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

}  // namespace

std::filesystem::path this_program() { return std::filesystem::read_symlink("/proc/self/exe"); }
std::filesystem::path libtorch_program() {
  return this_program().parent_path() / "benchmark_libtorch";
}

bool use_libtorch(const BenchmarkOptions& options) {
  return !options.without_libtorch && std::filesystem::exists(libtorch_program());
}

nlohmann::json run_child(const std::filesystem::path& program,
                         const std::vector<std::string>& arguments) {
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  int ends[2];
  if (::pipe(ends) != 0)
    throw ChildError(fmt::format("no pipe to a child process: {}", std::strerror(errno)));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  pid_t child = 0;
  const int failed = posix_spawn(&child, words[0].c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  const std::string printed = failed == 0 ? read_all(ends[0]) : "";
  ::close(ends[0]);
  if (failed != 0)
    throw ChildError(fmt::format("{} cannot be run: {}", words[0], std::strerror(failed)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  auto result = nlohmann::json::parse(printed, nullptr, false);
  if (result.is_object() && result.contains("error"))
    throw ChildError(fmt::format("{}: {}", fmt::join(words, " "), std::string(result["error"])));
  if (status != 0 || result.is_discarded())
    throw ChildError(fmt::format(
        "{} {}", fmt::join(words, " "),
        WIFSIGNALED(status)   ? fmt::format("was ended by signal {}", WTERMSIG(status))
        : WEXITSTATUS(status) ? fmt::format("failed with exit code {}", WEXITSTATUS(status))
                              : "printed something else than a result"));
  return result;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n == 0 ? 0 : (values[(n - 1) / 2] + values[n / 2]) / 2;
}

double Measured::median() const { return gradflow::median(rates); }

nlohmann::json Measured::to_json() const {
  return {{"median", median()},
          {"min", rates.front()},
          {"max", rates.back()},
          {"rates", rates},
          {"peak_memory_mb", peak_memory_mb},
          {"data_seconds", data_seconds},
          {"first_step_seconds", first_step_seconds},
          {"blas", blas}};
}

Measured run_measurement(const std::filesystem::path& program, benchmark::Request request) {
  request.started = benchmark::seconds_now();
  const nlohmann::json result = run_child(program, request.arguments());
  Measured measured;
  measured.rates = result.at("rates").get<std::vector<double>>();
  std::sort(measured.rates.begin(), measured.rates.end());
  measured.peak_memory_mb = result.at("peak_memory_mb");
  measured.data_seconds = result.at("data_seconds");
  measured.first_step_seconds =
      result.at("first_step_seconds").get<double>() - measured.data_seconds;
  measured.blas = result.at("blas");
  return measured;
}

}  // namespace gradflow
