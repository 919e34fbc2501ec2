// Experiment: what is particular to one; and, once for all of them, how it is run.
//
// The one idea: an experiment is a data set, a model, a loss, and what to measure and to draw. All
// the rest is the same: options, training or loading, signals, files, the report. So a program is
// its Experiment and a main of one call.
//
// Read next: experiments/programs/normalizing_flow.cpp, the first of them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "experiments/data/data_set.h"
#include "experiments/run/drawings.h"
#include "experiments/run/report_file.h"
#include "experiments/run/say.h"
#include "experiments/run/session.h"
#include "flows/linear/standardize.h"

namespace gradflow {

// A trained model with what belongs to it. It sees standardised points: mean 0, deviation 1. The
// units stand beside it, and not in it as a flow's outermost layer (table/model.h), because the
// report's floors and losses are those of standardised points, and flow matching has no chain.
template <class Model>
struct Trained {
  Model model;
  Standardize units;     // between the data's own units and those of the model
  History history = {};  // of its training

  Tensor standardized(const Tensor& raw) const { return units.to_latent(raw).points.value(); }
  Tensor in_data_units(const Tensor& points) const { return units.to_data(points).points.value(); }
  void visit(const Visitor& visit) {
    model.visit(visit);
    visit("normalization", units);
  }
};

template <class Model>
struct Experiment {
  std::string name = {};                     // of its files, and its key in report.json
  std::string about = {};                    // for --help
  Settings settings = {};                    // the model's own
  DataSet data = {};                         // what is learned
  std::function<Model(Rng& rng)> make = {};  // as the settings say; not trained
  std::function<Var(const Model& model, const Data& batch, Rng& rng)> loss = {};
  // Unless the command line says otherwise.
  TrainingOptions training = {};
  Index points = RunOptions{}.points;

  // After each epoch, on data that is not trained on; if there is anything to validate.
  Index validation_points = 0;
  std::function<Metrics(const Model& model, const Data& data)> validate = {};
  // Says what matters, and returns its own numbers for report.json.
  std::function<nlohmann::json(const Trained<Model>& trained, const RunOptions& options)> measure =
      {};
  // Beside samples they may show the points that it was trained on, standardised.
  std::function<std::vector<Drawing>(const Trained<Model>& trained, const Tensor& points)> figures =
      {};
};

// As it was saved by a run, whose settings go to `options` and `own`. Throws FileError if there is
// no such file, or if it is not that of such a model.
template <class Model>
Trained<Model> load_trained(const std::string& name, RunOptions& options, const Settings& own,
                            const std::function<Model(Rng& rng)>& make) {
  Saved saved = load_saved(name, options, settings_of(options) + own);
  Rng rng(options.training.seed);
  Model model = make(rng);
  const Shape dim{model.dim()};
  Trained<Model> trained{std::move(model), Standardize(zeros(dim), ones(dim)),
                         std::move(saved.history)};
  try {
    load(trained, saved.tensors);
  } catch (const Error& error) {
    throw FileError(
        fmt::format("load: {}: {}", weights_file(name, options).string(), error.what()));
  }
  trained.history.weights_hash = hash_tensors(trained_tensors(trained));
  return trained;
}

namespace detail {

template <class Model>
Outcome train(Trained<Model>& trained, const Experiment<Model>& experiment, const Data& data,
              const RunOptions& options, const StopRequests& stop, const Settings& settings) {
  Trainable trainable{.name = experiment.name,
                      .parameters = parameters(trained),
                      .constants = fixed_tensors(trained),
                      .loss = [&](const Data& batch,
                                  Rng& rng) { return experiment.loss(trained.model, batch, rng); },
                      .data = data};
  if (experiment.validate) {
    Rng rng = Rng(options.training.seed).fork(2);
    Data validation = experiment.data.sample(experiment.validation_points, rng);
    validation.points = trained.standardized(validation.points);
    trainable.validate = [&, validation = std::move(validation)] {
      return experiment.validate(trained.model, validation);
    };
  }
  return train_and_save(trainable, options, settings, stop);
}

template <class Model>
int run(const Experiment<Model>& experiment, RunOptions& options) {
  const Settings settings = settings_of(options) + experiment.settings;
  std::optional<Trained<Model>> trained;
  if (options.figures_only && rank() != 0) return 0;
  if (options.figures_only)
    trained = load_trained(experiment.name, options, settings, experiment.make);
  Rng rng = Rng(options.training.seed).fork(1), model_rng(options.training.seed);
  Data data = experiment.data.sample(options.points, rng);
  if (!trained) trained = {experiment.make(model_rng), Standardize::of(data.points), {}};
  data.points = trained->standardized(data.points);

  const StopRequests stop;  // from here on there is something to lose
  if (!options.figures_only) {
    Outcome outcome = train(*trained, experiment, data, options, stop, settings);
    if (outcome.stopped_by != 0) return 128 + outcome.stopped_by;
    trained->history = std::move(outcome.history);
    if (rank() != 0) return 0;  // the first shows what all have made
  }
  const Farewell farewell(going_on(options));
  if (stop.signal() != 0) {  // it came when the training had just ended
    complain("{}", going_on(options));
    return 128 + stop.signal();
  }
  nlohmann::json section = report_basics(count(*trained), trained->history, settings);
  section.update(experiment.measure(*trained, options));
  write_report(options.out, experiment.name, section);
  draw_all(experiment.figures(*trained, data.points), options);
  return 0;
}

}  // namespace detail

// Reads the command line, trains or loads, measures, reports and draws. Returns the code with which
// the program should end.
template <class Model>
int run_experiment(int argc, char** argv, const Experiment<Model>& experiment) {
  const RanksScope ranks;
  RunOptions options{.training = experiment.training, .points = experiment.points};
  if (const auto end = parse_options(argc, argv, experiment.about, options, experiment.settings))
    return *end;
  return run_program(options, [&] { return detail::run(experiment, options); });
}

}  // namespace gradflow
