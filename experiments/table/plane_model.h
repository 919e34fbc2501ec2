// PlaneModel: a model of points in the plane as a file has it, whoever wrote that: an experiment,
// the laboratory in the browser, or `gradflow fit` for a table of two columns.
//
// The one idea: a file names the recipe, and the sizes are those of its tensors. So what was
// trained in one place opens in the others: in the page (browser/lab.h), and as a model of a table
// (model.h).
//
// Read next: model.h.
#pragma once

#include <optional>

#include "experiments/run/files/safetensors.h"
#include "experiments/table/architecture.h"
#include "flows/linear/standardize.h"
#include "flows/matching/flow_matching.h"

namespace gradflow {

inline constexpr const char* kModelFormat = "gradflow model 1";        // of experiments
inline constexpr const char* kTableFormat = "gradflow table model 1";  // of `gradflow fit`
inline constexpr const char* kFlowPrefix = "flow.";  // before the names of a table's flow's tensors

struct PlaneModel {
  Texts about;  // what the file says beside its tensors: "format", "model", settings
  Architecture made_of;
  Index classes = 0;              // of which one is told with each point; 0: none is
  std::optional<Flow> flow = {};  // one of these two; it sees standardised points
  std::optional<FlowMatching> matching = {};
  Standardize units;
  Tensor ranks = {};  // as a table's model has them (model.h)
};

// Throws FileError, with the reason, for a file that has no such model: a mixture, say, which has
// no way from noise to data; or a table of three columns.
PlaneModel plane_model_in(const TensorFile& file);
// And back, in the format that `about` names.
TensorFile file_of(const PlaneModel& model);

// The same distribution in the units of the data; of classes it is told as rows with a 1.
Flow flow_of(const PlaneModel& model);
// The sorted log p of 1000 points that a flow of the plane has drawn itself, of all classes as
// many.
Tensor ranks_of(const Flow& flow);

}  // namespace gradflow
