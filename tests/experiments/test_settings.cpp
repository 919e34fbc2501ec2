// Settings: what each kind takes, that a refused value changes nothing, and that texts come back.
#include "experiments/run/settings.h"

#include <cmath>

#include "experiments/run/training.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

// One setting of each kind.
struct Example {
  Index count = 3;
  std::uint64_t seed = 1;
  double rate = 0.5, bound = 2;
  std::string order = "up";
  bool warm = true;

  Settings list() {
    return {setting("count", count, Range<Index>{1, 10}, "How many"),
            setting("seed", seed, Range<std::uint64_t>{0, 99}, "Which random numbers"),
            setting("rate", rate, Range<double>{0, 1}, "How fast"),
            setting("the_bound", bound, AboveZeroOrNone{}, "How far"),
            setting("order", order, OneOf{{"up", "down"}}, "Which way"),
            setting("warm", warm, TurnedBy{"cold_start"}, "Begin cold")};
  }
};

std::string refusal(const std::string& name, const std::string& text) {
  Example example;
  const Settings settings = example.list();
  const Texts before = texts_of(settings);
  Texts texts = before;
  texts[name] = text;
  std::string message = message_of<SettingError>([&] { read_texts(settings, texts); });
  if (message != "no error") CHECK(texts_of(settings) == before);
  return message;
}

TEST_CASE("settings: what each kind takes and what it refuses") {
  struct Row {
    const char* name;
    std::vector<std::string> good, bad;
    std::string required;
  };
  const std::vector<std::string> no_numbers{"",   " ",   "many", "1 ", " 1",   "1x",    "0x1",
                                            "+1", "1,5", "--1",  "e",  "\xd9", "none x"};
  const Row rows[] = {
      {"count",
       {"1", "10", "007"},
       {"0", "11", "-1", "1.5", "1e0", "99999999999999999999", "none", "nan"},
       "a whole number from 1 to 10 is required"},
      {"seed",
       {"0", "99"},
       {"-1", "100", "18446744073709551616", "0.5", "none"},
       "a whole number from 0 to 99 is required"},
      {"rate",
       {"0", "1", "0.25", "1e-300", "1E-2", ".5"},
       {"-0.001", "1.0001", "nan", "inf", "-inf", "1e999", "none"},
       "a number from 0 to 1 is required"},
      {"the_bound",
       {"none", "1e-300", "7"},
       {"0", "-1", "nan", "inf", "-inf", "1e999", "nothing", "None"},
       "a number above 0, or none, is required"},
      {"order", {"up", "down"}, {"Up", "up ", "updown", "0"}, "up|down is required"},
      {"warm", {"yes", "no"}, {"Yes", "true", "1", "no "}, "yes or no is required"},
  };
  for (const Row& row : rows) {
    for (const std::string& text : row.good) {
      CAPTURE(row.name, text);
      CHECK(refusal(row.name, text) == "no error");
    }
    std::vector<std::string> bad = row.bad;
    bad.insert(bad.end(), no_numbers.begin(), no_numbers.end());
    for (const std::string& text : bad) {
      CAPTURE(row.name, text);
      CHECK(refusal(row.name, text) ==
            fmt::format("{} {} given; {}", row.name, text, row.required));
    }
  }
}

TEST_CASE("settings: their texts give every value back") {
  for (const double number : {1.0 / 3, 1e-300, 0.1, 1.0, 5e-324}) {
    Example saved, loaded;
    saved.count = 7;
    saved.seed = 98;
    saved.rate = number;
    saved.bound = number < 1e-200 ? kInfinity : number;
    saved.order = "down";
    saved.warm = false;
    Texts texts = texts_of(saved.list());
    texts.emplace("of another program", "x");
    read_texts(loaded.list(), texts);
    CHECK(loaded.count == 7);
    CHECK(loaded.seed == 98);
    CHECK(loaded.rate == number);
    CHECK(loaded.bound == saved.bound);
    CHECK(loaded.order == "down");
    CHECK_FALSE(loaded.warm);
  }
  Example example;
  CHECK(texts_of(example.list()).at("the_bound") == "2");
  example.bound = kInfinity;
  CHECK(texts_of(example.list()).at("the_bound") == "none");
}

TEST_CASE("settings: one that is missing is named") {
  Example example;
  const Settings settings = example.list();
  for (const Setting& setting : settings) {
    Texts texts = texts_of(settings);
    texts.erase(setting.name);
    CHECK(message_of<SettingError>([&] { read_texts(settings, texts); }) ==
          fmt::format("no {} given", setting.name));
  }
}

TEST_CASE("settings: options are spelled with hyphens, a yes or no by its flag") {
  Example example;
  const Settings settings = example.list();
  CHECK(settings[0].option() == "--count");
  CHECK(settings[3].option() == "--the-bound");
  CHECK(settings[5].option() == "--cold-start");
}

TEST_CASE("settings: those of a training are its options") {
  TrainingOptions saved, loaded;
  saved.seed = 12;
  saved.epochs = 7;
  saved.batch = 99;
  saved.shards = 3;
  saved.learning_rate = 1.0 / 3;
  saved.largest_gradient = kInfinity;
  read_texts(settings_of(loaded), texts_of(settings_of(saved)));
  CHECK(loaded.seed == 12);
  CHECK(loaded.epochs == 7);
  CHECK(loaded.batch == 99);
  CHECK(loaded.shards == 3);
  CHECK(loaded.learning_rate == 1.0 / 3);
  CHECK(loaded.largest_gradient == kInfinity);
  TrainingOptions usual;  // the defaults are within their own ranges
  CHECK_NOTHROW(read_texts(settings_of(loaded), texts_of(settings_of(usual))));
}

}  // namespace
}  // namespace gradflow
