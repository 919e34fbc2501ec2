// report: reads DIR/report.json and DIR/*.png, writes DIR/report.html.
//
// The idea: write the page from whatever part of a run exists; the page itself says what is
// missing.
//
// Read next: page/report_data.h (what is read), page/report_page.h (what is written).
#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "experiments/page/report_data.h"
#include "experiments/page/report_page.h"
#include "experiments/run/files/safetensors.h"
#include "experiments/run/options.h"
#include "experiments/run/say.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

// Returns the exit code.
int make_report(const fs::path& folder) {
  const Report report = read_report(folder);
  const fs::path page = folder / "report.html";
  write_file(page, report_page(report));

  const int models = report.normalizing_flow.is_object() + report.flow_matching.is_object() +
                     report.conditional.is_object();
  say("{}: {} of 3 models, {} figures\n", page.string(), models, report.pictures.size());
  if (models > 0) return 0;
  complain("report: {} holds no model; train one: experiments/reproduce.sh\n",
           (folder / "report.json").string());
  return 1;
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  std::filesystem::path out = "results";
  const char* const about =
      "Write the report page, DIR/report.html, from DIR/report.json and DIR/*.png";
  if (const auto end = parse_out(argc, argv, about, out)) return *end;
  try {
    return make_report(out);
  } catch (const std::exception& error) {
    complain("report: {}\n", error.what());
    return 1;
  }
}
