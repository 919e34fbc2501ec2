// The report page from any report.json: either an error that names the file, or a whole page.
#include <stdexcept>

#include "experiments/page/report_data.h"
#include "experiments/page/report_page.h"
#include "tests/fuzz/fuzz.h"

using namespace gradflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string page = report_page(parse_report(text_of(data, size), "input"));
    must(page.find("</html>") != std::string::npos, "a page is whole");
  } catch (const std::runtime_error& error) {
    must(std::string_view(error.what()).starts_with("input"), "an error names the file");
  }
  return 0;
}
