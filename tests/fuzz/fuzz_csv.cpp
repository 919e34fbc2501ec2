// read_rows: tables as text.
#include "tests/fuzz/fuzz_table.h"

using namespace gradflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_table_reader(text_of(data, size));
  return 0;
}
