#include "experiments/draw/stack.h"

#include <fmt/format.h>

#include "experiments/draw/gnuplot.h"
#include "experiments/run/files/file.h"
#include "experiments/run/process.h"
#include "experiments/run/say.h"

namespace gradflow {

namespace fs = std::filesystem;

bool stack(const fs::path& directory, const std::vector<std::string>& names, const fs::path& to,
           int percent) {
  // By a path that begins in `directory`: convert would look for formats in one with a `%`.
  const DraftDirectory own(directory / "stack");
  const fs::path draft = own.path().filename() / "stack.png";
  std::vector<std::string> words{"convert"};
  for (const std::string& name : names) words.push_back("./" + name + ".png");
  words.insert(words.end(), {"-background", "white", "-append", "-resize",
                             fmt::format("{}%", percent), "-strip", draft.string()});
  const ProcessEnd end = run_process(directory, words, std::chrono::seconds(300));
  if (end.kind == ProcessEnd::Kind::not_found) {
    complain(
        "{}: convert not found on PATH; it joins the pictures in {}; hint: apt install "
        "imagemagick, then run again\n",
        to.filename().string(), directory.string());
    return false;
  }
  if (!end.succeeded() || !fs::exists(directory / draft))
    throw FigureError(fmt::format("{}: convert did not make it: {}", to.filename().string(),
                                  last_line(end.messages)));
  fs::rename(directory / draft, to);
  return true;
}

}  // namespace gradflow
