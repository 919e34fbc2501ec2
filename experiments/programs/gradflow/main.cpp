// gradflow: densities of tables from the command line. Here is the command line; what the verbs do
// is in a file for each.
//
// Read next: verbs.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "experiments/programs/gradflow/verbs.h"
#include "experiments/run/nearest.h"
#include "experiments/run/options.h"
#include "experiments/run/say.h"
#include "experiments/run/shell.h"
#include "experiments/run/signals.h"
#include "experiments/table/read/csv.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

constexpr const char* kAbout =
    "Learns the density of a table of numbers, scores rows by it and draws new ones.\n\n"
    "  gradflow fit measured.csv                   fits models, keeps the best in measured.fit\n"
    "  gradflow score measured.fit new.csv         adds log p of each row, in nats\n"
    "  gradflow sample measured.fit -n 1000        draws new rows\n"
    "  gradflow report measured.fit measured.csv   one page that shows it all\n"
    "  gradflow info measured.fit                  what the model is, and how good\n\n"
    "Tables are CSV or TSV (names in the first line or none), .npy, .npz (one array of rows, or "
    "one\n"
    "for each column), safetensors, or one of these gzipped; - is standard input. Each verb has a\n"
    "--help of its own.\n";

// What stands below the options of a verb.
constexpr const char* kFitHelp =
    "It leaves model.safetensors, fit.json (how good each model is) and report.html (a page) in\n"
    "--out. Ctrl-C ends it with the best so far. A name with a comma stands in quotes, and\n"
    "these in others, for the shell: --except 'id,\"length, in cm\"'.\n\n"
    "  gradflow fit measured.csv\n"
    "  gradflow fit flowers.csv --given species --except id --time 5m --out flowers\n"
    "  zcat big.csv.gz | gradflow fit - --columns x,y --model spline\n";
constexpr const char* kScoreHelp =
    "Text is written with all columns of DATA, arrays with those of the model.\n\n"
    "  gradflow score measured.fit new.csv > scores.csv\n"
    "  gradflow score measured.fit new.csv --top 20\n"
    "  gradflow score measured.fit new.npy --out scores.npz\n";
constexpr const char* kSampleHelp =
    "  gradflow sample measured.fit -n 1000 > new.csv\n"
    "  gradflow sample flowers --given species=iris --out new.npz\n";
constexpr const char* kOutHelp =
    "The file to write: text; or, by the end of its name, .npy (an array of rows), .npz or "
    ".safetensors (an array for each column); any with .gz; - is standard output";

constexpr const char* kMissingHelp = "Rows in which a number is missing: refuse, or drop them";

// "5m", "90s", "2h", "30": seconds.
double seconds_from(const std::string& text) {
  const std::size_t letter = text.find_first_not_of("0123456789.");
  const std::string unit = letter == text.npos ? "s" : text.substr(letter);
  const std::map<std::string, double> units{{"s", 1}, {"m", 60}, {"h", 3600}};
  double number = 0;
  try {
    number = std::stod(text);
  } catch (const std::exception&) {
    number = 0;
  }
  if (!units.contains(unit) || !(number > 0))
    throw CLI::ValidationError("--time: " + text + ": give 90s, 5m or 2h");
  return number * units.at(unit);
}

void add_missing(CLI::App& verb, Missing& missing) {
  verb.add_option_function<std::string>(
          "--missing",
          [&](const std::string& text) {
            missing = text == "drop" ? Missing::drop : Missing::refuse;
          },
          kMissingHelp)
      ->check(CLI::IsMember({"refuse", "drop"}))
      ->default_str("refuse");
}
void add_array(CLI::App& verb, std::string& array) {
  verb.add_option("--array", array, "Of an archive with several arrays: its name");
}
// Names that commas separate, in quotes if they have some themselves: one word, so that DATA may
// follow it. It may be there several times.
CLI::Option* add_list(CLI::App& verb, const char* name, std::vector<std::string>& list,
                      const char* help) {
  const auto take = [&list](const std::vector<std::string>& words) {
    for (const std::string& word : words)
      std::ranges::copy(csv_fields(word), std::back_inserter(list));
  };
  return verb.add_option_function<std::vector<std::string>>(name, take, help)
      ->allow_extra_args(false)
      ->type_name("A,B");
}
void add_model(CLI::App& verb, std::filesystem::path& model) {
  verb.add_option("MODEL", model, "A model, or the directory where fit has left it")->required();
}
void add_seed(CLI::App& verb, std::uint64_t& seed) {
  verb.add_option("--seed", seed, "Random seed: same seed, same bits")->capture_default_str();
}

void add_fit(CLI::App& verb, FitCommand& c) {
  std::vector<std::string> kinds{"auto"};
  kinds.insert(kinds.end(), kKinds.begin(), kKinds.end());
  verb.add_option("DATA", c.data, "The table; - for standard input")->required();
  add_list(verb, "--columns", c.read.columns, "What to learn; all columns unless given");
  add_list(verb, "--except", c.read.except, "Columns to leave out");
  add_list(
      verb, "--given", c.fit.given,
      "Columns that are known beforehand, numbers or classes (few whole numbers, or words): the "
      "density is that of the others under these");
  verb.add_option("--model", c.fit.model,
                  "auto fits a Gaussian, a mixture and flows and keeps the best")
      ->check(CLI::IsMember(kinds))
      ->capture_default_str();
  verb.add_option("--out", c.out, "Directory of the results; DATA's name with .fit unless given");
  verb.add_option_function<std::string>(
      "--time", [&](const std::string& text) { c.fit.seconds = seconds_from(text); },
      "About how long it may take: 90s, 5m, 2h");
  add_seed(verb, c.fit.training.seed);
  add_missing(verb, c.read.missing);
  add_array(verb, c.read.array);
  verb.add_flag("--dequantise", c.dequantise,
                "Add uniform noise to columns of rounded or whole numbers, as wide as their steps");
  verb.add_flag("--resume", c.resume, "Go on with a fit that was stopped, or for longer");
  verb.add_flag("--overwrite", c.overwrite, "Begin anew where a model is already");
  verb.add_flag("--no-page", c.no_page, "Leave out the page");
  verb.add_option("--validation", c.split.validation,
                  "Share of the rows by which the best is chosen")
      ->check(CLI::Range(0.01, 0.9))
      ->capture_default_str();
  verb.add_option("--test", c.split.test, "Share of the rows that are only scored at the end")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  // Not by settings_of(TrainingOptions) and Architecture::list(), whose ranges are those of what is
  // run: here 0 stands for "by the number of rows", and not all of them are asked for.
  verb.add_option("--epochs", c.fit.training.epochs,
                  "Most passes over the training rows; 0: by their number")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  verb.add_option(
          "--patience", c.fit.patience,
          "Epochs without improvement after which a training ends; 0: a third of all, or 20")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  verb.add_option("--batch", c.fit.training.batch, "Rows in a step; 0: by their number")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  verb.add_option("--lr", c.fit.training.learning_rate,
                  "Learning rate at the start; falls along a cosine")
      ->check(CLI::Range(1e-9, 1.0))
      ->capture_default_str();
  verb.add_option("--layers", c.fit.architecture.layers,
                  "Layers of a flow; 0: by the number of rows")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  verb.add_option("--units", c.fit.architecture.units,
                  "Units of hidden layers; 0: by rows and columns")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
}

void add_score(CLI::App& verb, ScoreCommand& c) {
  add_model(verb, c.model);
  verb.add_option("DATA", c.data,
                  "A table with the model's columns, in any order; without names, just these in "
                  "their order; - for standard input")
      ->required();
  verb.add_option("--top", c.top, "Only so many rows, the least likely ones first")
      ->check(CLI::Range(1, 1'000'000));
  verb.add_option("--out", c.out, kOutHelp)->capture_default_str();
  add_missing(verb, c.missing);
  add_array(verb, c.array);
  add_seed(verb, c.seed);
}

void add_sample(CLI::App& verb, SampleCommand& c) {
  add_model(verb, c.model);
  verb.add_option("-n", c.count, "How many rows")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  add_list(verb, "--given", c.given, "A condition; once for each that the model has")
      ->type_name("NAME=VALUE");
  verb.add_option("--out", c.out, kOutHelp)->capture_default_str();
  add_seed(verb, c.seed);
}

void add_report(CLI::App& verb, ReportCommand& c) {
  add_model(verb, c.model);
  verb.add_option("DATA", c.data, "A table to lay beside the model's samples");
  verb.add_option("--out", c.out, "The page; report.html beside the model unless given");
  add_missing(verb, c.missing);
  add_array(verb, c.array);
  add_seed(verb, c.seed);
}

// What a line says that could not be read, and what was probably meant.
std::string complaint(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> extra = app.remaining(/*recurse=*/true);
  std::vector<std::string> names;
  std::vector<const CLI::App*> asked{&app};
  for (const CLI::App* verb : app.get_subcommands()) asked.push_back(verb);
  for (const CLI::App* one : asked)
    for (const CLI::Option* option : one->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (const std::string& word : extra)
    if (const std::string meant = nearest(word, names); word.starts_with('-') && !meant.empty())
      return fmt::format("there is no option {:.40}; hint: {}", word, meant);
  return error.what();
}

// "help fit" is "fit --help". Throws for a verb that is none.
std::vector<std::string> words_of(int argc, char** argv, const CLI::App& app) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc), verbs;
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.push_back("--help");
  }
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  const std::string first = words.empty() ? "" : words.front();
  if (first.empty() || first.starts_with('-') || std::ranges::find(verbs, first) != verbs.end())
    return words;
  const std::string meant = nearest(first, verbs);
  throw CLI::RuntimeError(
      fmt::format("there is no verb \"{:.40}\"; {}", first,
                  meant.empty() ? fmt::format("one of: {}", fmt::join(verbs, ", "))
                                : "hint: gradflow " + meant),
      2);
}

int run(int argc, char** argv) {
  // To go on with --resume is added.
  constexpr std::string_view kOnce[] = {"--resume", "--overwrite"};
  FitCommand fit{.command = command_line(argc, argv, kOnce)};
  ScoreCommand score;
  SampleCommand sample;
  ReportCommand report;
  std::filesystem::path info;
  int threads = 0;
  CLI::App app(kAbout, "gradflow");
  app.require_subcommand(0, 1);  // that one is missing is said below
  app.fallthrough();
  app.add_option("--threads", threads, "Threads; 0: one for each processor")
      ->check(CLI::Range(0, 1024));
  CLI::App& fit_verb = *app.add_subcommand("fit", "Fit models to a table and keep the best");
  CLI::App& score_verb =
      *app.add_subcommand("score",
                          "Write the rows of a table with their log p, in nats, and\n"
                          "their rank: the share of the training rows that are less likely");
  CLI::App& sample_verb = *app.add_subcommand("sample", "Write new rows");
  CLI::App& report_verb =
      *app.add_subcommand("report", "Write one page with figures, all in one file");
  CLI::App& info_verb =
      *app.add_subcommand("info", "Say what a model is, on what it was trained, how well");
  add_fit(fit_verb, fit);
  fit_verb.footer(kFitHelp);
  add_score(score_verb, score);
  score_verb.footer(kScoreHelp);
  add_sample(sample_verb, sample);
  sample_verb.footer(kSampleHelp);
  add_report(report_verb, report);
  add_model(info_verb, info);
  try {
    std::vector<std::string> words = words_of(argc, argv, app);
    std::ranges::reverse(words);  // as CLI11 wants them
    app.parse(words);
    if (app.get_subcommands().empty())
      throw CLI::RuntimeError("a verb is required: fit, score, sample, report or info", 2);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      for (CLI::App* verb : app.get_subcommands())
        if (verb->parsed()) return say("{}", verb->help(app.get_name())), 0;
      return say("{}", app.help()), 0;
    }
    complain("gradflow: {}\nTry --help, or gradflow VERB --help.\n", complaint(app, error));
    return 2;
  }
  if (threads > 0) set_threads(threads);
  if (fit_verb.parsed()) {
    ignore_closed_pipes();
    return run_fit(fit);
  }
  if (score_verb.parsed()) return run_score(score);
  if (sample_verb.parsed()) return run_sample(sample);
  if (report_verb.parsed()) return run_report(report);
  return run_info(info);
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  try {
    const int code = run(argc, argv);
    if (all_was_said() || code != 0) return code;
    complain("gradflow: what it had to say could not all be written\n");
  } catch (const std::bad_alloc&) {
    complain("gradflow: out of memory\n");
  } catch (const std::exception& error) {
    complain("gradflow: {}\n", error.what());
  }
  return 1;
}
