#include "flows/matching/flow_matching.h"

#include "flows/base.h"
#include "flows/matching/chunks.h"

namespace gradflow {

FlowMatching::FlowMatching(Index dim, const FlowMatchingOptions& options, Rng& rng)
    : classes(options.classes == 0
                  ? std::nullopt
                  : std::optional(Embedding(options.classes + (options.withheld > 0),
                                            options.class_dim, rng))),
      network(dim,
              {.hidden = options.hidden,
               .activation = options.activation,
               .context = classes ? options.class_dim : 0,
               .waves = options.waves,
               .octaves = options.octaves},
              rng),
      withheld(options.withheld) {
  require(
      0 <= withheld && withheld < 1 && (withheld == 0 || classes),
      "FlowMatching: a share of {} of the classes withheld given, of {} classes; from 0 to below "
      "1, and 0 without classes",
      withheld, options.classes);
}

Index FlowMatching::no_class() const {
  require(withheld > 0, "FlowMatching::no_class: the classes of this model are never withheld");
  return classes->table.value().rows() - 1;
}

Var FlowMatching::context(Index points, const Labels& labels) const {
  require(std::ssize(labels) == (classes ? points : 0),
          "FlowMatching: {} labels for {} points given; {}", labels.size(), points,
          classes ? "one for each point is required" : "the model is unconditional and takes none");
  return classes ? (*classes)(labels) : no_context;
}

Var FlowMatching::velocity(const Var& y, const Var& t, const Labels& labels) const {
  check_points("FlowMatching::velocity", y, dim());
  return network(y, t, context(y.rows(), labels));
}

Var FlowMatching::loss(const Data& batch, Rng& rng, const Path& path, const Pairing& pairing,
                       real blur) const {
  check_points("FlowMatching::loss", batch.points, dim());
  require(batch.size() >= 1, "FlowMatching::loss: no points given; at least 1");
  Labels told = batch.labels;
  if (withheld > 0) {
    for (const Index label : told)  // no_class() is for those that are withheld
      require(label < no_class(), "FlowMatching::loss: label {} given; 0 to {}", label,
              no_class() - 1);
    const Tensor chance = rng.uniform({std::ssize(told)});
    for (std::size_t i = 0; i < told.size(); ++i)
      if (chance.values()[i] < withheld) told[i] = no_class();
  }
  return matching_loss(network.field(context(batch.size(), told)), batch, rng, path, pairing, blur);
}

std::vector<Tensor> FlowMatching::carry_states(const Tensor& points, const Span& span,
                                               const Labels& labels, const Tableau& tableau,
                                               const Steps& steps) const {
  check_points("FlowMatching::carry_states", points, dim());
  const Unrecorded unrecorded;
  std::vector<Tensor> states;
  for (const Var& state :
       trajectory(network.field(context(points.rows(), labels)), points, span, tableau, steps))
    states.push_back(state.value());
  return states;
}

Tensor FlowMatching::carry(const Tensor& points, const Span& span, const Labels& labels,
                           const Tableau& tableau, const Steps& steps) const {
  check_points("FlowMatching::carry", points, dim());
  const Unrecorded unrecorded;
  const Index n = points.rows();
  const Tensor known = context(n, labels).value();
  return in_chunks(n, [&](Index begin, Index end) {
    const Var own = classes ? Var(known.rows(begin, end)) : no_context;
    return integrate(network.field(own), points.rows(begin, end), span, tableau, steps).value();
  });
}

Tensor FlowMatching::sample(Index n, Rng& rng, const Steps& steps, const Tableau& tableau) const {
  check_samples("FlowMatching::sample", n);
  return carry(rng.normal({n, dim()}), {0, 1}, {}, tableau, steps);
}

Tensor FlowMatching::sample(const Labels& labels, Rng& rng, const Steps& steps,
                            const Tableau& tableau) const {
  return carry(rng.normal({std::ssize(labels), dim()}), {0, 1}, labels, tableau, steps);
}

void FlowMatching::visit(const Visitor& visitor) {
  if (classes) visitor("classes", *classes);
  visitor("network", network);
}

}  // namespace gradflow
