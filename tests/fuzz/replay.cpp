// Runs a fuzz target over files, or over all files of directories, without libFuzzer: the seeds as
// a test. Each is also cut short everywhere and has each of its bytes changed.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzz.h"

namespace {

long run_count = 0;

void run_one(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  ++run_count;
}

void run(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string seed{std::istreambuf_iterator<char>(file), {}};
  run_one(seed);
  const std::size_t step = std::max<std::size_t>(1, seed.size() / 400);
  for (std::size_t i = 0; i < seed.size(); i += step) {
    run_one(seed.substr(0, i));
    for (const char c : {'\0', '9', '"', '\xff'}) {
      std::string changed = seed;
      changed[i] = c;
      run_one(changed);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) {
      run(argv[i]);
      ++files;
      continue;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(argv[i])) {
      run(entry.path());
      ++files;
    }
  }
  std::printf("%d files, %ld inputs\n", files, run_count);
  return files > 0 ? 0 : 1;
}
