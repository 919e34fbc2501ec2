#include "experiments/run/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <limits>

#include "experiments/run/files/parse.h"

namespace gradflow {
namespace {

constexpr Index kQuickPoints = 25'000, kQuickEpochs = 6;
constexpr Index kFewestPoints = 100, kMostPoints = 100'000'000, kMostEpochs = 100'000;
constexpr Index kLargestBatch = 1'000'000, kMostShards = 1024;
// Characters that a shell leaves alone.
constexpr const char* kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";

// A number above 0, or "none" for no limit at all.
double positive_or_none(const std::string& text) {
  if (text == "none") return std::numeric_limits<double>::infinity();
  double value = 0;
  if (!CLI::detail::lexical_cast(text, value) || !(value > 0) || !std::isfinite(value))
    throw CLI::ValidationError(fmt::format("{}: a number above 0, or none, is required", text));
  return value;
}

void end_with(const CLI::App& app, const CLI::ParseError& error) {
  const bool asked = error.get_exit_code() == 0;  // --help
  if (asked) std::exit(app.exit(error));
  fmt::print(stderr, "{}: {}\nTry --help.\n", app.get_name(), error.what());
  std::exit(2);
}

void add_drawing(CLI::App& app, RunOptions& o) {
  app.add_option("--threads", o.threads, "Threads; 0: one for each processor")
      ->check(CLI::Range(0, 1024));
  app.add_option("--out", o.out, "Directory for figures, weights and logs");
  app.add_flag("--svg", o.svg, "Write each figure as SVG too");
  app.add_flag("--pdf", o.pdf, "Write each figure as PDF too");
}

void add_common(CLI::App& app, RunOptions& o) {
  app.add_option("--seed", o.seed, "Random seed: same seed, same bits, whatever --threads is")
      ->check([](const std::string& text) {  // CLI::Range takes what is too large for the largest
        const std::size_t digits = text.find_first_not_of("0123456789");
        return !text.empty() && digits == text.npos && text.size() <= 18
                   ? std::string()
                   : fmt::format("{}: a whole number of at most 18 digits is required", text);
      });
  app.add_option("--epochs", o.epochs, "Passes over the training points")
      ->check(CLI::Range(Index{1}, kMostEpochs));
  app.add_option("--points", o.points, "Training points")
      ->check(CLI::Range(kFewestPoints, kMostPoints));
  app.add_option("--batch", o.batch, "Points in a step")
      ->check(CLI::Range(Index{1}, kLargestBatch));
  app.add_option("--shards", o.shards,
                 "Parts of a batch that can run in parallel; part of the result's bits")
      ->check(CLI::Range(Index{1}, kMostShards));
  app.add_option("--lr", o.learning_rate,
                 "Adam's learning rate at the start; falls to 0 along a cosine")
      ->check([](const std::string& text) {  // CLI::Range lets NaN through
        double rate = 0;
        return CLI::detail::lexical_cast(text, rate) && rate >= 0 && rate <= 1e6
                   ? std::string()
                   : fmt::format("{}: a number from 0 to 1e6 is required", text);
      });
  app.add_option_function<std::string>(
         "--clip", [&o](const std::string& text) { o.clip = positive_or_none(text); },
         "Longest gradient allowed; longer ones are scaled down")
      ->default_str("1")
      ->type_name("NUMBER|none");
  add_drawing(app, o);
  auto* resume = app.add_flag("--resume", o.resume, "Continue a run that was stopped");
  app.add_flag("--figures-only", o.figures_only, "Draw again from the saved weights, no training")
      ->excludes(resume);
  app.add_flag("--quick", o.quick,
               fmt::format("A small run of every part: {} points and {} epochs, unless given",
                           kQuickPoints, kQuickEpochs));
}

void add_normalizing_flow(CLI::App& app, RunOptions& o) {
  app.add_option_function<std::string>(
         "--scale-bound", [&o](const std::string& text) { o.scale_bound = positive_or_none(text); },
         "Largest log-scale of a coupling; none: unbounded, as in the report")
      ->default_str("2")
      ->type_name("NUMBER|none");
  app.add_option("--permutations", o.permutations,
                 "alternate: swap after each coupling; random: drawn once, as in the report")
      ->check(CLI::IsMember({"alternate", "random"}));
  app.add_flag("!--random-start", o.zero_start,
               "Do not begin as the identity (last layers zeroed), as in the report");
}

// The command as it can be given to a shell again, but for --resume and --figures-only: a program
// that says how to go on adds the one or the other.
std::string command_line(int argc, char** argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--resume" || word == "--figures-only") continue;
    if (i > 0) text += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
    text += '\'';
  }
  return text;
}

std::string text_of(double value) { return std::isinf(value) ? "none" : fmt::format("{}", value); }
double limit_of(const std::string& text) {
  return text == "none" ? std::numeric_limits<double>::infinity() : parse<double>(text);
}

// As the options' own checks.
Index in_range(const std::string& text, Index smallest, Index largest) {
  const auto value = parse<Index>(text);
  require<FileError>(smallest <= value && value <= largest, "{} in it; it must be from {} to {}",
                     value, smallest, largest);
  return value;
}

}  // namespace

RunOptions parse_options(int argc, char** argv, Model model, const std::string& description) {
  RunOptions options;
  options.program = std::filesystem::path(argv[0]).filename().string();
  options.command = command_line(argc, argv);
  CLI::App app(description, options.program);
  app.option_defaults()->always_capture_default();
  add_common(app, options);
  if (model == Model::normalizing_flow) add_normalizing_flow(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    end_with(app, error);
  }
  if (options.quick && app.count("--points") == 0) options.points = kQuickPoints;
  if (options.quick && app.count("--epochs") == 0) options.epochs = kQuickEpochs;
  return options;
}

RunOptions parse_drawing_options(int argc, char** argv, const std::string& description) {
  RunOptions options;
  options.program = std::filesystem::path(argv[0]).filename().string();
  options.command = command_line(argc, argv);
  CLI::App app(description, options.program);
  app.option_defaults()->always_capture_default();
  add_drawing(app, options);
  app.add_flag("--quick", options.quick, "Coarser grids and fewer frames");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    end_with(app, error);
  }
  return options;
}

std::filesystem::path parse_out(int argc, char** argv, const std::string& description,
                                std::filesystem::path out) {
  CLI::App app(description, std::filesystem::path(argv[0]).filename().string());
  app.add_option("--out", out, "Directory of the results")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    end_with(app, error);
  }
  return out;
}

std::map<std::string, std::string> RunOptions::settings() const {
  return {{"seed", fmt::format("{}", seed)},
          {"epochs", fmt::format("{}", epochs)},
          {"points", fmt::format("{}", points)},
          {"batch", fmt::format("{}", batch)},
          {"shards", fmt::format("{}", shards)},
          {"lr", fmt::format("{}", learning_rate)},
          {"clip", text_of(clip)},
          {"scale_bound", text_of(scale_bound)},
          {"permutations", permutations},
          {"zero_start", zero_start ? "yes" : "no"}};
}

void RunOptions::take_settings(const std::map<std::string, std::string>& settings) {
  try {
    seed = parse<std::uint64_t>(settings.at("seed"));
    epochs = in_range(settings.at("epochs"), 1, kMostEpochs);
    points = in_range(settings.at("points"), kFewestPoints, kMostPoints);
    batch = in_range(settings.at("batch"), 1, kLargestBatch);
    shards = in_range(settings.at("shards"), 1, kMostShards);
    learning_rate = parse<double>(settings.at("lr"));
    clip = limit_of(settings.at("clip"));
    scale_bound = limit_of(settings.at("scale_bound"));
    permutations = settings.at("permutations");
    zero_start = settings.at("zero_start") == "yes";
  } catch (const std::out_of_range&) {  // from at()
    throw FileError("load: the settings saved with the weights are not complete");
  }
}

}  // namespace gradflow
