// In short: coordinates lie as rows (D, B). Each coupling has its own rows in one block of memory:
// those that move, those that stay and the context (which the networks read together), and what is
// kept for the way back. A coupling's results are written to the rows of the next one, in the order
// that the permutation between them says.

#include "flows/coupling_fused.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "flows/coupling.h"
#include "flows/linear/permutation.h"
#include "nn/plain_mlp.h"

namespace gradflow {
namespace {

// What describes a run is many small lists, all of which live as long as it does: they take their
// memory from one place, piece after piece.
using Memory = std::pmr::memory_resource;
using Order = std::pmr::vector<Index>;

// A coupling, and where its rows are, from its first one on. After the last coupling stands a step
// of no networks, whose coordinates are the results.
struct Step {
  Order from;  // own coordinate i is coordinate from[i] of the step before, or column of the points
  Index kept = 0, moved = 0, context = 0;
  std::shared_ptr<const Univariate> map = nullptr;
  std::span<const PlainMlp> networks{};
  Index begin = 0;  // the row of the memory where its own begin

  // Of its coordinates: those that move come first, so that the networks' input is in one piece.
  Index row(Index i) const { return i < kept ? moved + i : i - kept; }
  Index context_row() const { return kept + moved; }
  Index network_row(std::size_t r) const {  // of what network r keeps
    Index row = context_row() + context;
    for (std::size_t k = 0; k < r; ++k) row += networks[k].kept();
    return row;
  }
  Index raw_row() const { return network_row(networks.size()); }
  Index map_row(Index i) const {  // of what the map keeps for coordinate kept + i
    return raw_row() + moved * map->size() + i * map->plain->kept;
  }
  Index rows() const { return map ? map_row(moved) : moved; }

  // The raw numbers of coordinate kept + i, of B points: network r's results begin at
  // data + r * step.
  template <class Number>
  RawRows<Number> raw_of(Index i, Index B, Number* data, Index step) const {
    if (networks.size() > 1) return {data + i * B, step};
    return {data + i * map->size() * B, B};
  }
};

// The networks of some couplings, and where their numbers are. To find that out takes as long as
// several products of small networks: a thread keeps it, until one of them may have changed.
struct Networks {
  // Those of these couplings, in the order in which parameters are visited: from the latent side
  // to the data side.
  explicit Networks(std::span<const Coupling* const> couplings);
  // Whether they are just these, and as they were.
  bool fit(std::span<const Coupling* const> couplings) const;

  std::vector<PlainMlp> plain;
  Index numbers = 0, widest = 0;         // of their parameters; of a layer
  std::optional<SideBySide> parameters;  // nothing: they have to be composed
  std::uint64_t changes = parameter_changes();
  const Weights* weights = Recorder::weights();
};

struct Run {
  Run(Way going, const Shape& shape) : way(going), points(shape[0]), dim(shape[1]) {}

  std::pmr::monotonic_buffer_resource lists{1 << 15};
  const Way way;
  const Index points, dim;               // B, D
  Index context = 0;                     // its size
  std::pmr::vector<Step> steps{&lists};  // in the order in which they are applied
  Index rows = 0;                        // of the memory
  std::shared_ptr<const Networks> networks{};
  Tensor weights{};  // a copy of their numbers; without any, nothing is recorded
  Tensor memory{};   // (rows, B): the turned context, and each step's rows
};

const Coupling* fusible(const Bijection& layer) {
  const auto* coupling = dynamic_cast<const Coupling*>(&layer);
  if (!coupling || coupling->moves_kept() || !coupling->univariate().plain) return nullptr;
  const auto networks = coupling->networks();
  return std::all_of(networks.begin(), networks.end(), PlainMlp::knows) ? coupling : nullptr;
}

Order in_order(Index n, Memory* memory) {
  Order order(static_cast<std::size_t>(n), memory);
  std::iota(order.begin(), order.end(), Index{0});
  return order;
}

// The order after a permutation, which was `order` before.
Order permuted(const Order& order, const Permutation& permutation, Way way) {
  Order after(order.get_allocator());
  after.reserve(order.size());
  for (const Index i : way == Way::to_data ? permutation.order() : permutation.inverse())
    after.push_back(order[static_cast<std::size_t>(i)]);
  return after;
}

// The couplings among the first `layers`, from the latent side to the data side, with the orders
// between them; and the number of layers that could be taken.
struct Found {
  std::pmr::vector<const Coupling*> couplings;
  std::size_t layers = 0;
};
Found find_steps(std::span<const Bijection* const> layers, Run& run) {
  Found found{.couplings = std::pmr::vector<const Coupling*>(&run.lists)};
  found.couplings.reserve(layers.size());
  run.steps.reserve(layers.size() + 1);
  Order order = in_order(run.dim, &run.lists);
  for (const Bijection* layer : layers) {
    if (const auto* permutation = dynamic_cast<const Permutation*>(layer)) {
      order = permuted(order, *permutation, run.way);
    } else if (const Coupling* coupling = fusible(*layer)) {
      found.couplings.push_back(coupling);
      run.context = std::max(run.context, coupling->context());
      run.steps.push_back({.from = std::exchange(order, in_order(run.dim, &run.lists)),
                           .kept = coupling->kept(),
                           .moved = run.dim - coupling->kept(),
                           .context = coupling->context(),
                           .map = coupling->shared_univariate()});
    } else {
      break;
    }
    ++found.layers;
  }
  run.steps.push_back({.from = std::move(order), .moved = run.dim});
  if (run.way == Way::to_latent) std::reverse(found.couplings.begin(), found.couplings.end());
  return found;
}

Networks::Networks(std::span<const Coupling* const> couplings) {
  std::vector<const Parameter*> list;
  for (const Coupling* coupling : couplings)
    for (const Mlp& network : coupling->networks()) {
      plain.emplace_back(network, numbers);
      numbers = plain.back().end();
      widest = std::max(widest, plain.back().widest());
      append_parameters(network, list);
    }
  parameters = SideBySide::find(std::move(list));
}

bool Networks::fit(std::span<const Coupling* const> couplings) const {
  if (changes != parameter_changes() || weights != Recorder::weights()) return false;
  std::size_t n = 0;
  for (const Coupling* coupling : couplings)
    for (const Mlp& network : coupling->networks())
      if (n == plain.size() || !plain[n++].fits(network)) return false;
  return n == plain.size();
}

std::shared_ptr<const Networks> networks_of(std::span<const Coupling* const> couplings) {
  constexpr std::size_t kMost = 256;  // of as many runs: a large model, or several
  thread_local std::unordered_map<const Mlp*, std::shared_ptr<const Networks>> known;
  if (known.size() > kMost) known.clear();
  auto& networks = known[couplings[0]->networks().data()];
  if (!networks || !networks->fit(couplings)) networks = std::make_shared<Networks>(couplings);
  return networks;
}

// Gives each step its networks.
void add_networks(Run& run, std::span<const Coupling* const> couplings) {
  run.networks = networks_of(couplings);
  std::span<const PlainMlp> rest = run.networks->plain;
  for (std::size_t k = 0; k < couplings.size(); ++k) {
    const std::size_t n = couplings[k]->networks().size();
    run.steps[run.way == Way::to_data ? k : couplings.size() - 1 - k].networks = rest.first(n);
    rest = rest.subspan(n);
  }
}

// Gives each step its rows: all of them at once if they are kept for the way back; else the rows of
// one are used again by the next but one.
void lay_out(Run& run, bool keep) {
  Index most = 0, end = run.context;
  for (const Step& step : run.steps) most = std::max(most, step.rows());
  for (std::size_t l = 0; l < run.steps.size(); ++l) {
    run.steps[l].begin = keep ? end : run.context + static_cast<Index>(l % 2) * most;
    end += run.steps[l].rows();
  }
  run.rows = keep ? end : run.context + 2 * most;
}

// Between columns of points (B, n) and rows.
void read_column(const real* points, Index B, Index n, Index column, real* row) {
  for (Index b = 0; b < B; ++b) row[b] = points[b * n + column];
}
void write_column(const real* row, Index B, Index n, Index column, real* points) {
  for (Index b = 0; b < B; ++b) points[b * n + column] = row[b];
}

// One coupling: from its own rows to those of the next step.
void apply(const Run& run, const Step& step, const Step& next, Index B, real* memory,
           real* log_det) {
  real *const own = memory + step.begin * B, *const raw = own + step.raw_row() * B;
  std::copy_n(memory, step.context * B, own + step.context_row() * B);
  const Index outputs = step.networks[0].out() * B;
  for (std::size_t r = 0; r < step.networks.size(); ++r)
    step.networks[r].forward(B, own + step.row(0) * B, run.weights.data(),
                             own + step.network_row(r) * B, raw + static_cast<Index>(r) * outputs);
  for (Index to = 0; to < run.dim; ++to) {
    const Index i = next.from[static_cast<std::size_t>(to)];
    real* const out = memory + (next.begin + next.row(to)) * B;
    const real* const in = own + step.row(i) * B;
    if (i < step.kept)
      std::copy_n(in, B, out);
    else
      step.map->plain->forward(run.way, B, in,
                               step.raw_of<const real>(i - step.kept, B, raw, outputs), out,
                               log_det, own + step.map_row(i - step.kept) * B);
  }
}

// Of B points: y (B, D) of x (B, D) and context (B, C). Unless log_det is null, it is added to.
void forward(const Run& run, Index B, const real* x, const real* context, real* memory, real* y,
             real* log_det) {
  turn(context, B, run.context, memory);
  const Step &first = run.steps.front(), &last = run.steps.back();
  for (Index i = 0; i < run.dim; ++i)
    read_column(x, B, run.dim, first.from[static_cast<std::size_t>(i)],
                memory + (first.begin + first.row(i)) * B);
  for (std::size_t l = 0; l + 1 < run.steps.size(); ++l)
    apply(run, run.steps[l], run.steps[l + 1], B, memory, log_det);
  for (Index i = 0; i < run.dim; ++i) write_column(memory + (last.begin + i) * B, B, run.dim, i, y);
}

// The gradients that are on their way through the couplings.
struct Gradient {
  real *d, *before;      // (D, B) each: of a step's coordinates, and of those of the one before
  const real* log_det;   // (B), or null
  real* context;         // (C, B)
  real* numbers;         // of all networks, or null
  real *of_raw, *spare;  // (networks, widest, B), (widest, B)
  bool want_points;      // whether those of the first step's coordinates and context are wanted
};

// From what is after a coupling to what is before it.
void go_back(const Run& run, const Step& step, const Step& next, bool want_inputs, Gradient& g) {
  const Index B = run.points, widest = run.networks->widest;
  const real *const memory = run.memory.data(), *const own = memory + step.begin * B;
  for (Index to = 0; to < run.dim; ++to) {
    const Index i = next.from[static_cast<std::size_t>(to)];
    real* const d = g.before + i * B;
    std::copy_n(g.d + to * B, B, d);
    if (i >= step.kept)
      step.map->plain->backward(run.way, B, own + step.row(i) * B,
                                memory + (next.begin + next.row(to)) * B,
                                own + step.map_row(i - step.kept) * B, d, g.log_det,
                                step.raw_of(i - step.kept, B, g.of_raw, widest * B));
  }
  for (std::size_t r = 0; r < step.networks.size(); ++r) {
    const real* const inputs = step.networks[r].backward(
        B, own + step.row(0) * B, run.weights.data(), own + step.network_row(r) * B,
        g.of_raw + static_cast<Index>(r) * widest * B, g.spare, want_inputs, g.numbers);
    if (!inputs) continue;
#pragma omp simd
    for (Index k = 0; k < step.kept * B; ++k) g.before[k] += inputs[k];
#pragma omp simd
    for (Index k = 0; k < step.context * B; ++k) g.context[k] += inputs[step.kept * B + k];
  }
  std::swap(g.d, g.before);
}

// The gradients of points (B, D), context (B, C) and the networks' numbers, as far as wanted.
std::array<Tensor, 3> backward(const Run& run, const Tensor& dy, const Tensor* d_log_det,
                               const std::array<bool, 3>& wanted) {
  const Index B = run.points, D = run.dim, C = run.context, widest = run.networks->widest;
  Index most = 0;  // networks of a coupling
  for (const Step& step : run.steps) most = std::max<Index>(most, std::ssize(step.networks));
  Tensor dx({wanted[0] ? B : 0, D}), d_context({wanted[1] ? B : 0, C}),
      numbers(Shape{wanted[2] ? run.networks->numbers : 0});
  Tensor scratch(Shape{(2 * D + C + (most + 1) * widest) * B});
  real* const rows = scratch.mutable_data();
  Gradient g{.d = rows,
             .before = rows + D * B,
             .log_det = d_log_det ? d_log_det->data() : nullptr,
             .context = rows + 2 * D * B,
             .numbers = wanted[2] ? numbers.mutable_data() : nullptr,
             .of_raw = rows + (2 * D + C) * B,
             .spare = rows + (2 * D + C + most * widest) * B,
             .want_points = wanted[0] || wanted[1]};
  std::fill_n(g.context, C * B, real{0});
  for (Index i = 0; i < D; ++i) read_column(dy.data(), B, D, i, g.d + i * B);
  for (std::size_t l = run.steps.size() - 1; l-- > 0;)
    go_back(run, run.steps[l], run.steps[l + 1], l > 0 || g.want_points, g);
  for (Index i = 0; i < D && wanted[0]; ++i)
    write_column(g.d + i * B, B, D, run.steps.front().from[static_cast<std::size_t>(i)],
                 dx.mutable_data());
  if (wanted[1]) turn(g.context, C, B, d_context.mutable_data());
  return {std::move(dx), std::move(d_context), std::move(numbers)};
}

// What it means, for the numbers of a block.
Mapped composed(const Run& run, const Var& given, const Var& context, const Var& block,
                LogDet log_det) {
  Mapped all{given};
  for (const Step& step : run.steps) {
    const Var points = gather(all.points, {step.from.begin(), step.from.end()}, 1);
    if (!step.map) return {points, all.log_det};
    const Var input = with_context(slice(points, 1, 0, step.kept), context, step.context);
    const Index B = given.rows(), R = std::ssize(step.networks), M = step.networks[0].out();
    std::vector<Var> raw;  // (B, M, 1) each
    for (const PlainMlp& network : step.networks)
      raw.push_back(reshape(network.composed(input, block), {B, M, 1}));
    const Mapped next =
        step.map->composed(run.way, points, reshape(concat(raw, 2), {B, M * R}), log_det);
    all = {next.points, added(all.log_det, next.log_det)};
  }
  return all;
}

// Nothing is recorded: some points at a time, whose rows stay in the nearest caches.
Mapped unrecorded(const Run& run, const Tensor& x, const Tensor& context, LogDet log_det) {
  constexpr Index kTogether = 128;
  const Index B = run.points, D = run.dim, C = run.context;
  Tensor y({B, D}), total = zeros(Shape{log_det == LogDet::yes ? B : 0});
  Tensor memory({run.rows, std::min(B, kTogether)});
  real *const out = y.mutable_data(), *const sum = total.mutable_data();
  for (Index begin = 0; begin < B; begin += kTogether)
    forward(run, std::min(kTogether, B - begin), x.data() + begin * D, context.data() + begin * C,
            memory.mutable_data(), out + begin * D, log_det == LogDet::yes ? sum + begin : nullptr);
  return {std::move(y), std::move(total)};
}

Mapped recorded(const std::shared_ptr<Run>& given, const Var& x, const Var& context,
                const Var& block, LogDet log_det) {
  given->weights = block.value();
  given->memory = Tensor({given->rows, given->points});
  Tensor y(x.shape()), total = zeros(Shape{log_det == LogDet::yes ? given->points : 0});
  forward(*given, given->points, x.value().data(), context.value().data(),
          given->memory.mutable_data(), y.mutable_data(),
          log_det == LogDet::yes ? total.mutable_data() : nullptr);
  const std::shared_ptr<const Run> run = given;
  const std::array arguments{x, context, block};
  if (log_det == LogDet::no)
    return {record_fused(
        "coupling", std::array{std::move(y)}, arguments,
        [run](const std::array<Var, 3>& of) {
          return std::array{composed(*run, of[0], of[1], of[2], LogDet::no).points};
        },
        [run](const std::array<Tensor, 1>& dy, const std::array<bool, 3>& wanted) {
          return backward(*run, dy[0], nullptr, wanted);
        })[0]};
  const auto both = record_fused(
      "coupling", std::array{std::move(y), std::move(total)}, arguments,
      [run](const std::array<Var, 3>& of) {
        const Mapped all = composed(*run, of[0], of[1], of[2], LogDet::yes);
        return std::array{all.points, all.log_det};
      },
      [run](const std::array<Tensor, 2>& dy, const std::array<bool, 3>& wanted) {
        return backward(*run, dy[0], &dy[1], wanted);
      });
  return {both[0], both[1]};
}

}  // namespace

std::optional<FusedRun> fused_run(std::span<const Bijection* const> layers, Way way,
                                  const Var& points, const Var& given, LogDet log_det) {
  if (watching()) return std::nullopt;
  for (const Var* x : {&points, &given}) Recorder::tracks("coupling", *x);  // or throws
  const auto run = std::make_shared<Run>(way, points.shape());
  const auto [couplings, count] = find_steps(layers, *run);
  if (couplings.empty()) return std::nullopt;
  add_networks(*run, couplings);
  const Var& context = run->context == 0 ? no_context : given;
  const bool records = Recorder::recording() != nullptr;
  lay_out(*run, records);
  if (!records) return FusedRun{unrecorded(*run, points.value(), context.value(), log_det), count};
  const auto& parameters = run->networks->parameters;
  if (!parameters) return std::nullopt;
  return FusedRun{recorded(run, points, context, parameters->numbers(), log_det), count};
}

}  // namespace gradflow
