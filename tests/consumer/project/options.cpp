// Each structure of options with one of them given, as a program does it: no warning about the
// others.
#include "autograd/gradcheck.h"
#include "experiments/run/files/checkpoint.h"
#include "experiments/run/files/safetensors.h"
#include "experiments/run/training.h"
#include "flows/matching/flow_matching.h"
#include "flows/recipes.h"
#include "nn/optimizer.h"

namespace consumer {

using namespace gradflow;

extern const AdamOptions adam, decay;
extern const ConditionerOptions network, context;
extern const Data data;
extern const Epoch epoch;
extern const FlowMatchingOptions matching;
extern const GradcheckOptions gradcheck;
extern const FlowOptions flow, shuffled;
extern const RunIdentity run;
extern const TensorFile file, texts;
extern const Span span;
extern const Fixed steps;
extern const VelocityOptions velocity;
extern const TrainingHooks validate, on_epoch, on_step, save, restore;
extern const TrainingOptions training, seed;

const AdamOptions adam{.learning_rate = 1e-4}, decay{.weight_decay = 0.1};
const ConditionerOptions network{.hidden = {8}}, context{.context = 1};
const Data data{.points = zeros({2, 2})};
const Epoch epoch{.number = 1};
const FlowMatchingOptions matching{.hidden = {8}};
const GradcheckOptions gradcheck{.seed = 1};
const FlowOptions flow{.layers = 2}, shuffled{.permuting = Permuting::random};
const RunIdentity run{.epochs = 1};
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
