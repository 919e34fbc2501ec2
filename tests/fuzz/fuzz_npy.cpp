// read_rows: an array of numpy: the magic bytes and the version are given, so that inputs get to
// the header.
#include "experiments/table/read/npy.h"
#include "tests/fuzz/fuzz_table.h"

using namespace gradflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_table_reader(std::string(kNpyMagic) + text_of(data, size));
  return 0;
}
