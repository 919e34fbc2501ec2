// read_rows: an archive of arrays; its first magic bytes are given.
#include "tests/fuzz/fuzz_table.h"

using namespace gradflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = "PK\x03\x04" + text_of(data, size);
  check_table_reader(bytes);
  check_table_reader(bytes, {.array = "a"});
  return 0;
}
