// gradflow report: one page that shows a model.

#include <fmt/format.h>

#include "experiments/page/table_page.h"
#include "experiments/programs/gradflow/verbs.h"
#include "experiments/run/say.h"

namespace gradflow {

int run_report(const ReportCommand& command) {
  const std::filesystem::path path = model_file(command.model);
  const TableModel model = given_model(command.model, command.data);
  TablePage page{.model = model};
  if (!command.data.empty()) {
    Source source = open_source(command.data);
    Faults faults("report: " + source.name(), /*columns_may_go=*/false);
    page.rows = read_table(std::move(source),
                           {.columns = model.all_columns(),
                            .by_place = true,
                            .missing = command.missing,
                            .array = command.array,
                            .words = model.words()},
                           faults)
                    .values;
    faults.refuse();
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
