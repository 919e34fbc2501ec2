// What was probably meant by a name that is none.
#include "experiments/run/nearest.h"
#include "tests/catch.h"

namespace gradflow {

TEST_CASE("The nearest name is found for each kind of slip, and none for another word",
          "[nearest]") {
  const std::vector<std::string> verbs{"fit", "score", "sample", "report", "info"};
  struct Row {
    const char *given, *meant;
  };
  for (const auto& [given, meant] : {Row{"fit", "fit"},
                                     {"fti", "fit"},  // two neighbours swapped
                                     {"ift", "fit"},
                                     {"it", "fit"},      // one too few, in front
                                     {"scor", "score"},  // and at the end
                                     {"ssample", "sample"},
                                     {"samples", "sample"},
                                     {"rapport", "report"},  // two in seven letters
                                     {"onfi", ""},           // two in four
                                     {"fly", ""},
                                     {"help", ""},
                                     {"", ""}}) {
    INFO(given);
    CHECK(nearest(given, verbs) == meant);
  }
  CHECK(nearest("--colums", {"--columns", "--column-count"}) == "--columns");
  CHECK(nearest("ab", {}).empty());
  CHECK(nearest(std::string(1'000'000, 'a'), {std::string(1'000'000, 'b')}).empty());
}

}  // namespace gradflow
