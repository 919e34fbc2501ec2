// read_rows: tables as text, of numbers alone and with words in any column.
#include <algorithm>

#include "tests/fuzz/fuzz_table.h"

using namespace gradflow;

namespace {

// Each value of a column of words is the place of one, and each of these was met.
void check_words(const std::string& bytes) {
  try {
    ReadOptions options{.missing = Missing::drop};
    const auto rows = read_rows(memory_source("input", bytes));
    for (const std::string& name : rows->names()) options.words[name] = {};
    const Table table = read_table(memory_source("input", bytes), options);
    must(all_finite(table.values), "what is kept is finite");
    for (Index c = 0; c < table.columns(); ++c) {
      const auto words = table.words.find(table.names[static_cast<std::size_t>(c)]);
      if (words == table.words.end()) continue;
      must(words->second.size() <= RowReader::kMostWords, "words are few");
      for (Index i = 0; i < table.rows(); ++i) {
        const double place = table.values.at({i, c});
        must(place >= 0 && place < static_cast<double>(words->second.size()), "a word has a place");
      }
    }
    options.words = table.words;  // a model knows those, and finds them where they were
    const Table again = read_table(memory_source("input", bytes), options);
    must(std::ranges::equal(again.values.values(), table.values.values()),
         "known words are the same numbers");
  } catch (const FileError& error) {
    must_name_input(error);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_table_reader(text_of(data, size));
  check_words(text_of(data, size));
  return 0;
}
