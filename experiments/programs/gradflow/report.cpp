// gradflow report: one page that shows a model.

#include <fmt/format.h>

#include "experiments/page/table_page.h"
#include "experiments/programs/gradflow/verbs.h"
#include "experiments/run/say.h"

namespace gradflow {

int run_report(const ReportCommand& command) {
  const std::filesystem::path path = model_file(command.model);
  const TableModel model = load_model(path);
  TablePage page{.model = model};
  if (!command.data.empty()) {
    page.rows = read_table(command.data, {.columns = model.all_columns(),
                                          .by_place = true,
                                          .missing = command.missing,
                                          .array = command.array,
                                          .words = model.words()})
                    .values;
    require<FileError>(page.rows.rows() >= 1, "report: {}: it has no rows", command.data);
  }
  page.held_out = page.rows;
  const std::filesystem::path out =
      command.out.empty() ? path.parent_path() / "report.html" : command.out;
  write_table_page(out, page, Rng(command.seed));
  say("the page is {}\n", out.string());
  return 0;
}

}  // namespace gradflow
