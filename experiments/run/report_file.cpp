#include "experiments/run/report_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "experiments/run/files/file.h"
#include "experiments/run/files/parse.h"
#include "experiments/run/say.h"

namespace gradflow {
namespace {

using nlohmann::json;

// What is nested deeper than any report is taken for broken: writing it again would need a stack as
// deep. Returns null for what is not JSON.
json parse_shallow(const std::string& text) {
  constexpr int kDeepest = 100;
  bool deep = false;
  json value = json::parse(
      text, [&deep](int depth, json::parse_event_t, json&) { return !(deep |= depth > kDeepest); },
      false);
  return deep || value.is_discarded() ? json() : value;
}

// Keeps other experiments from a directory while it is in scope. If it cannot be locked, goes on.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::filesystem::path& directory)
      : descriptor_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ >= 0) ::flock(descriptor_, LOCK_EX);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  int descriptor_;
};

}  // namespace

void write_report(const std::filesystem::path& out, const std::string& name, const json& section) {
  const DirectoryLock lock(out);  // each reads the sections of the others and writes them again
  const std::filesystem::path path = out / "report.json";
  json report = json::object();
  if (std::filesystem::exists(path)) {
    report = parse_shallow(read_file(path));
    if (!report.is_object()) {
      complain("{}: not a JSON object; kept as report.json.broken and written anew\n",
               path.string());
      std::filesystem::rename(path, path.string() + ".broken");
      report = json::object();
    }
  }
  report[name] = section;
  write_file(path, report.dump(2) + "\n");
}

json report_basics(Index parameters, const History& history, const Settings& settings) {
  const Texts texts = texts_of(settings);
  return {{"parameters", parameters},
          {"loss", losses(history)},
          {"lengths", history.lengths},
          {"train_seconds", history.seconds},
          {"steps_per_second", history.steps_per_second},
          {"seed", parse<std::uint64_t>(texts.at("seed"))},
          {"weights_hash", history.weights_hash},
          {"library_products", history.library_products},
          {"options", texts}};
}

}  // namespace gradflow
