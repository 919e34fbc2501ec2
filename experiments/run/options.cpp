#include "experiments/run/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "experiments/run/say.h"
#include "experiments/run/shell.h"

namespace gradflow {
namespace {

constexpr Index kQuickPoints = 25'000, kQuickEpochs = 6;
// A program that says how to go on adds the one or the other.
constexpr std::string_view kGoingOn[] = {"--resume", "--figures-only"};

void add(CLI::App& app, const Setting& setting) {
  if (!setting.flag.empty()) {
    const std::string other = setting.text() == "yes" ? "no" : "yes";
    app.add_flag_callback(
        setting.option(), [setting, other] { setting.read(other); }, setting.help);
    return;
  }
  const auto read = [setting](const std::string& text) {
    try {
      setting.read(text);
    } catch (const SettingError& error) {
      throw CLI::ValidationError("--" + std::string(error.what()));
    }
  };
  app.add_option_function<std::string>(setting.option(), read, setting.help)
      ->default_str(setting.text())
      ->type_name(setting.values);
}

void add_drawing(CLI::App& app, RunOptions& o) {
  app.add_option("--threads", o.threads, "Threads; 0: one for each processor")
      ->check(CLI::Range(0, 1024));
  app.add_option("--out", o.out, "Directory for figures, weights and logs");
  app.add_flag("--svg", o.svg, "Write each figure as SVG too");
  app.add_flag("--pdf", o.pdf, "Write each figure as PDF too");
}

std::string program_name(char** argv) { return std::filesystem::path(argv[0]).filename().string(); }

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return {};
  } catch (const CLI::CallForHelp&) {
    say("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    complain("{}: {}\nTry --help.\n", app.get_name(), error.what());
    return 2;
  }
}

}  // namespace

Settings settings_of(RunOptions& options) {
  return settings_of(options.training) +
         Settings{
             setting("points", options.points, Range<Index>{100, 100'000'000}, "Training points"),
             setting("arithmetic", options.arithmetic,
                     OneOf{{name_of(Arithmetic::fused), name_of(Arithmetic::portable)}},
                     "How products add: fused, one rounding a term (slow without the processor's "
                     "multiply-add), or portable, two. Each gives the same weights everywhere"),
             setting("products", options.products,
                     OneOf{{name_of(Products::fastest), name_of(Products::ours)}},
                     "Who computes large products: fastest, OpenBLAS, whose last bits depend on "
                     "the processor; or ours. All that the report trains are small")};
}

std::optional<int> parse_options(int argc, char** argv, const std::string& description,
                                 RunOptions& options, const Settings& of_model) {
  options.program = program_name(argv);
  options.command = command_line(argc, argv, kGoingOn);
  CLI::App app(description, options.program);
  app.option_defaults()->always_capture_default();
  for (const Setting& setting : settings_of(options) + of_model) add(app, setting);
  add_drawing(app, options);
  auto* resume =
      app.add_flag("--resume", options.resume,
                   "Continue a run that was stopped, or with more --epochs one that ended");
  app.add_flag("--figures-only", options.figures_only,
               "Draw again from the saved weights, no training")
      ->excludes(resume);
  app.add_flag(
      "--quick", options.quick,
      fmt::format("A small run of every part: {} points and {} epochs at most, unless given",
                  kQuickPoints, kQuickEpochs));
  const std::optional<int> end = parse(app, argc, argv);
  if (options.quick && app.count("--points") == 0)
    options.points = std::min(options.points, kQuickPoints);
  if (options.quick && app.count("--epochs") == 0)
    options.training.epochs = std::min(options.training.epochs, kQuickEpochs);
  return end;
}

std::optional<int> parse_drawing_options(int argc, char** argv, const std::string& description,
                                         RunOptions& options) {
  options.program = program_name(argv);
  options.command = command_line(argc, argv, kGoingOn);
  CLI::App app(description, options.program);
  app.option_defaults()->always_capture_default();
  add_drawing(app, options);
  app.add_flag("--quick", options.quick, "Coarser grids and fewer frames");
  return parse(app, argc, argv);
}

std::optional<int> parse_out(int argc, char** argv, const std::string& description,
                             std::filesystem::path& out) {
  CLI::App app(description, program_name(argv));
  app.add_option("--out", out, "Directory of the results")->capture_default_str();
  return parse(app, argc, argv);
}

}  // namespace gradflow
