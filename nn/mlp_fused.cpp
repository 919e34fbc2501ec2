// The fused form, in short: turned so that features come first, the networks are run one after
// another on plain memory (plain_mlp.h), and their results put in turn.

#include "nn/mlp_fused.h"

#include <algorithm>

#include "nn/plain_mlp.h"

namespace gradflow {
namespace {

// Several networks, and what they are given on the way.
struct Pass {
  Index points;  // B
  std::vector<PlainMlp> networks;
  Tensor memory{};   // x (in, B), and behind it what each network keeps
  Tensor weights{};  // a copy of all parameters' numbers; without any, nothing is recorded
  Index in() const { return networks.front().in(); }
  Index out() const { return networks.front().out(); }
  Index numbers() const { return networks.back().end(); }  // of all parameters
  Index widest() const {
    Index all = 0;
    for (const PlainMlp& network : networks) all = std::max(all, network.widest());
    return all;
  }
};

Pass plan(std::span<const Mlp> networks, Index points) {
  Pass pass{.points = points, .networks = {}};
  pass.networks.reserve(networks.size());
  Index rows = networks[0].in();
  for (const Mlp& network : networks) {
    pass.networks.emplace_back(network, pass.networks.empty() ? 0 : pass.numbers());
    rows += pass.networks.back().kept();
  }
  pass.memory = Tensor(Shape{rows * points});
  return pass;
}

// The row of network r's k-th output among all outputs, (M R, B): it is a column of y.
Index row_of(Index k, Index R, Index r) { return k * R + r; }

Tensor forward(Pass& pass, const Tensor& x) {
  const Index B = pass.points, M = pass.out(), R = std::ssize(pass.networks);
  Tensor y({B, M * R}), outputs({2, M * R * B});
  real* const in_turn = outputs.mutable_data();  // (M R, B)
  real* memory = pass.memory.mutable_data();
  turn(x.data(), B, pass.in(), memory);
  const real* const x_turned = memory;
  memory += pass.in() * B;
  for (Index r = 0; r < R; ++r) {
    const PlainMlp& network = pass.networks[static_cast<std::size_t>(r)];
    const bool in_place = M == 1 || R == 1;  // this network's rows are neighbours
    real* const own = in_turn + (in_place ? row_of(0, R, r) : M * R) * B;  // (M, B)
    network.forward(B, x_turned, pass.weights.data(), memory, own);
    memory += network.kept() * B;
    for (Index k = 0; k < M && !in_place; ++k)
      std::copy_n(own + k * B, B, in_turn + row_of(k, R, r) * B);
  }
  turn(in_turn, M * R, B, y.mutable_data());
  return y;
}

// Returns dx and the gradient of the block of weights, as far as they are wanted.
std::array<Tensor, 2> backward(const Pass& pass, const Tensor& dy,
                               const std::array<bool, 2>& wanted) {
  const auto [want_dx, want_weights] = wanted;
  const Index B = pass.points, in = pass.in(), M = pass.out(), R = std::ssize(pass.networks);
  Tensor gradients(Shape{want_weights ? pass.numbers() : 0}), scratch({2, B * pass.widest()});
  Tensor outputs({M * R, B}), dx_turned({want_dx ? in : 0, B});
  turn(dy.data(), B, M * R, outputs.mutable_data());
  real* const d = scratch.mutable_data();
  const real* const x = pass.memory.data();
  const real* kept = x + in * B;
  for (Index r = 0; r < R; ++r) {
    const PlainMlp& network = pass.networks[static_cast<std::size_t>(r)];
    for (Index k = 0; k < M; ++k) std::copy_n(outputs.data() + row_of(k, R, r) * B, B, d + k * B);
    const real* const own =
        network.backward(B, x, pass.weights.data(), kept, d, d + B * pass.widest(), want_dx,
                         want_weights ? gradients.mutable_data() : nullptr);
    kept += network.kept() * B;
    if (!want_dx) continue;
    real* const dx = dx_turned.mutable_data();
#pragma omp simd
    for (Index i = 0; i < in * B; ++i) dx[i] = (r > 0 ? dx[i] : 0) + own[i];
  }
  return {want_dx ? kernel::transpose(dx_turned) : Tensor(), std::move(gradients)};
}

// What it means: the networks with the numbers of the block instead of their own.
Var composed_of(const Pass& pass, const Var& x, const Var& block) {
  std::vector<Var> outputs;  // (B, M, 1) each
  for (const PlainMlp& network : pass.networks)
    outputs.push_back(reshape(network.composed(x, block), {x.rows(), pass.out(), 1}));
  return reshape(concat(outputs, 2), {x.rows(), pass.out() * std::ssize(pass.networks)});
}

}  // namespace

std::optional<Var> fused_interleaved(const Var& x, std::span<const Mlp> networks) {
  if (!std::all_of(networks.begin(), networks.end(), PlainMlp::knows) || watching())
    return std::nullopt;
  Recorder::tracks("Mlp", x);
  Pass pass = plan(networks, x.rows());
  if (!Recorder::recording()) return forward(pass, x.value());
  // A copy of the weights: the model may change before its gradient is asked for, and threads that
  // share a tensor would have to take turns at counting its owners.
  std::vector<const Parameter*> parameters;
  for (const Mlp& network : networks) append_parameters(network, parameters);
  const std::optional<SideBySide> found = SideBySide::find(std::move(parameters));
  if (!found) return std::nullopt;
  const Var block = found->numbers();
  pass.weights = block.value();
  Tensor y = forward(pass, x.value());
  const auto kept = std::make_shared<const Pass>(std::move(pass));
  return record_fused(
      "mlp", std::array{std::move(y)}, std::array{x, block},
      [kept](const std::array<Var, 2>& of) { return std::array{composed_of(*kept, of[0], of[1])}; },
      [kept](const std::array<Tensor, 1>& dy, const std::array<bool, 2>& wanted) {
        return backward(*kept, dy[0], wanted);
      })[0];
}

}  // namespace gradflow
