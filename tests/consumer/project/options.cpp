// Each structure of options with one of them given, as a program does it: no warning about the
// others.
#include "autograd/gradcheck.h"
#include "experiments/run/files/checkpoint.h"
#include "experiments/run/files/safetensors.h"
#include "experiments/run/training.h"
#include "flows/continuous.h"
#include "flows/coupling.h"
#include "flows/matching/bridge.h"
#include "flows/matching/flow_matching.h"
#include "flows/matching/mean_flow.h"
#include "flows/matching/sinkhorn.h"
#include "flows/recipes.h"
#include "flows/univariate/rational_quadratic.h"
#include "nn/optimizer.h"

namespace consumer {

using namespace gradflow;

extern const AdamOptions adam, decay;
extern const Adaptive finer, fewer;
extern const Bridge wide, inner;
extern const ConditionerOptions network, context;
extern const ContinuousOptions euler_steps, cut, probed;
extern const CouplingOptions kept, shared, moved;
extern const Data data;
extern const Epoch epoch;
extern const FlowMatchingOptions matching;
extern const GradcheckOptions gradcheck;
extern const FlowOptions flow, shuffled;
extern const MeanFlowOptions mean_flow, mostly_spans;
extern const RunIdentity run;
extern const SinkhornOptions blurred, exact, patient;
extern const SplineOptions bins, box;
extern const TensorFile file, texts;
extern const Span span;
extern const Fixed steps;
extern const VelocityOptions velocity;
extern const TrainingHooks validate, on_epoch, on_step, save, restore;
extern const TrainingOptions training, seed;

const AdamOptions adam{.learning_rate = 1e-4}, decay{.weight_decay = 0.1};
const Adaptive finer{.relative = 1e-6}, fewer{.most_tries = 100};
const Bridge wide{.sigma = 2}, inner{.edge = real(0.1)};
const ConditionerOptions network{.hidden = {8}}, context{.context = 1};
const ContinuousOptions euler_steps{.tableau = euler}, cut{.steps = {10}};
const ContinuousOptions probed{.probe = ones({2})};
const CouplingOptions kept{.kept = 1}, shared{.one_network = true}, moved{.move_kept = true};
const Data data{.points = zeros({2, 2})};
const Epoch epoch{.number = 1};
const FlowMatchingOptions matching{.hidden = {8}};
const GradcheckOptions gradcheck{.seed = 1};
const FlowOptions flow{.layers = 2}, shuffled{.permuting = Permuting::random};
const MeanFlowOptions mean_flow{.hidden = {8}}, mostly_spans{.spans = real(0.75)};
const RunIdentity run{.epochs = 1};
const SinkhornOptions blurred{.epsilon = 2}, exact{.tolerance = 0}, patient{.most_rounds = 10'000};
const SplineOptions bins{.bins = 8}, box{.box = 5};
const TensorFile file{.tensors = {}}, texts{.metadata = {}};
const Span span{.to = 2};
const Fixed steps{.steps = 10};
const VelocityOptions velocity{.context = 1};
const TrainingHooks validate{.validate = [] { return Metrics{}; }};
const TrainingHooks on_epoch{.on_epoch = [](const Epoch&) {}};
const TrainingHooks on_step{.on_step = [](const Progress&) {}};
const TrainingHooks save{.save = [](const Optimizer&, const TrainingState&) {}};
const TrainingHooks restore{.restore = [](Optimizer&) { return TrainingState{}; }};
const TrainingOptions training{.epochs = 1}, seed{.seed = 1};

}  // namespace consumer
