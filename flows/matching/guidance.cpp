#include "flows/matching/guidance.h"

#include <cmath>

namespace gradflow {

Field guided(Field of_class, Field of_none, real w) {
  require(std::isfinite(w), "guided: a weight of {} given; a finite one", w);
  if (w == 0) return of_class;
  return [of_class = std::move(of_class), of_none = std::move(of_none), w](
             const Var& y, const Var& t) { return (1 + w) * of_class(y, t) - w * of_none(y, t); };
}

Field guided(const FlowMatching& model, const Labels& labels, real w) {
  const Index n = std::ssize(labels);
  const Labels none(labels.size(), model.no_class());
  return guided(model.network.field(model.context(n, labels)),
                model.network.field(model.context(n, none)), w);
}

}  // namespace gradflow
