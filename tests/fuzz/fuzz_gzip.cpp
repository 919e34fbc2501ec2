// read_rows: compressed tables.
#include "tests/fuzz/fuzz_table.h"

using namespace gradflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_table_reader("\x1f\x8b" + text_of(data, size));
  return 0;
}
