#include "experiments/metrics/mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "tensor/kernels/vector_math.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

using Numbers = std::vector<double>;

const double kLogTwoPi = math::log(2 * std::numbers::pi);

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// One Gaussian of the mixture while it is fitted.
struct Component {
  double weight = 0;
  Numbers mean;      // (D)
  Numbers factor;    // (D, D): L, lower triangular, S = L L^T
  double log_scale;  // log w - sum log L_ii - D/2 log 2 pi
};

// S = L L^T, in place of the lower triangle of S. Cholesky's algorithm; the floor under the
// variances keeps what is under the root above 0.
void factorise(Numbers& S, Index D) {
  for (Index j = 0; j < D; ++j) {
    for (Index i = j; i < D; ++i) {
      double sum = S[at(i * D + j)];
      for (Index k = 0; k < j; ++k) sum -= S[at(i * D + k)] * S[at(j * D + k)];
      S[at(i * D + j)] = i == j ? std::sqrt(std::max(sum, 1e-12)) : sum / S[at(j * D + j)];
    }
  }
}

// u of L u = v.
void solve(const Numbers& L, const double* v, double* u, Index D) {
  for (Index i = 0; i < D; ++i) {
    double sum = v[i];
    for (Index k = 0; k < i; ++k) sum -= L[at(i * D + k)] * u[k];
    u[i] = sum / L[at(i * D + i)];
  }
}

// The EM algorithm on N points.
class Em {
 public:
  Em(const Tensor& points, const MixtureOptions& options)
      : x_(points.data()),
        N_(points.rows()),
        D_(points.shape()[1]),
        options_(options),
        components_(at(options.components)),
        shares_(at(N_ * options.components)) {}

  Mixture run(Rng& rng) {
    begin(rng);
    double before = -std::numeric_limits<double>::infinity();
    for (Index i = 0; i < options_.iterations; ++i) {
      const double now = expect();
      if (now - before < 1e-5) break;
      before = now;
      maximise();
    }
    return result();
  }

 private:
  // k-means++: each centre is drawn with a probability that grows as the squared distance to the
  // nearest one before; then every point belongs to the nearest.
  void begin(Rng& rng) {
    const Index K = options_.components;
    Numbers nearest(at(N_), std::numeric_limits<double>::infinity());
    std::vector<Index> owner(at(N_), 0);
    Index centre = rng.integers(N_, 1)[0];
    for (Index k = 0; k < K; ++k) {
      double total = 0;
      for (Index n = 0; n < N_; ++n) {
        double distance = 0;
        for (Index d = 0; d < D_; ++d) {
          const double away = double{x_[n * D_ + d]} - double{x_[centre * D_ + d]};
          distance += away * away;
        }
        if (distance < nearest[at(n)]) owner[at(n)] = k;
        nearest[at(n)] = std::min(nearest[at(n)], distance);
        total += nearest[at(n)];
      }
      double target = total * rng.uniform({1}).item();
      for (centre = 0; centre + 1 < N_; ++centre)
        if ((target -= nearest[at(centre)]) < 0) break;
    }
    std::ranges::fill(shares_, 0.0);
    for (Index n = 0; n < N_; ++n) shares_[at(n * K + owner[at(n)])] = 1;
    maximise();
  }

  // How likely each Gaussian is for each point; returns the mean log p.
  double expect() {
    constexpr Index kBlock = 1024;
    const Index K = options_.components, blocks = (N_ + kBlock - 1) / kBlock;
    Numbers sums(at(blocks));
    parallel_for(blocks, [&](Index b) {
      Numbers away(at(D_)), y(at(D_));
      for (Index n = b * kBlock; n < std::min(N_, (b + 1) * kBlock); ++n) {
        double* const share = shares_.data() + n * K;
        for (Index k = 0; k < K; ++k) {
          const Component& c = components_[at(k)];
          for (Index d = 0; d < D_; ++d) away[at(d)] = x_[n * D_ + d] - c.mean[at(d)];
          solve(c.factor, away.data(), y.data(), D_);
          double square = 0;
          for (const double u : y) square += u * u;
          share[k] = c.log_scale - square / 2;
        }
        const double largest = *std::max_element(share, share + K);
        double sum = 0;
        for (Index k = 0; k < K; ++k) sum += share[k] = math::exp(share[k] - largest);
        for (Index k = 0; k < K; ++k) share[k] /= sum;
        sums[at(b)] += largest + math::log(sum);
      }
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return total / static_cast<double>(N_);
  }

  // w, m and S of each Gaussian from its shares of the points.
  void maximise() {
    const Index K = options_.components;
    parallel_for(K, [&](Index k) {
      double total = 1e-9;
      Numbers mean(at(D_), 0.0), S(at(D_ * D_), 0.0), away(at(D_));
      for (Index n = 0; n < N_; ++n) {
        const double share = shares_[at(n * K + k)];
        total += share;
        for (Index d = 0; d < D_; ++d) mean[at(d)] += share * x_[n * D_ + d];
      }
      for (double& m : mean) m /= total;
      for (Index n = 0; n < N_; ++n) {
        const double share = shares_[at(n * K + k)];
        if (share < 1e-12) continue;
        for (Index d = 0; d < D_; ++d) away[at(d)] = x_[n * D_ + d] - mean[at(d)];
        for (Index i = 0; i < D_; ++i)
          for (Index j = 0; j <= i; ++j) S[at(i * D_ + j)] += share * away[at(i)] * away[at(j)];
      }
      for (double& s : S) s /= total;
      for (Index i = 0; i < D_; ++i) S[at(i * D_ + i)] += options_.floor;
      factorise(S, D_);
      const double weight = total / static_cast<double>(N_);
      double log_scale = math::log(weight) - static_cast<double>(D_) / 2 * kLogTwoPi;
      for (Index i = 0; i < D_; ++i) log_scale -= math::log(S[at(i * D_ + i)]);
      components_[at(k)] = {weight, std::move(mean), std::move(S), log_scale};
    });
  }

  Mixture result() const {
    const Index K = options_.components;
    Mixture mixture = standard_mixture(K, D_);
    double all = 0;
    for (const Component& c : components_) all += c.weight;
    Numbers unit(at(D_)), column(at(D_));
    for (Index k = 0; k < K; ++k) {
      const Component& c = components_[at(k)];
      mixture.weights.mutable_data()[k] = static_cast<real>(c.weight / all);
      for (Index d = 0; d < D_; ++d)
        mixture.means.mutable_data()[k * D_ + d] = static_cast<real>(c.mean[at(d)]);
      for (Index j = 0; j < D_; ++j) {  // P = L^-1, column after column
        std::ranges::fill(unit, 0.0);
        unit[at(j)] = 1;
        solve(c.factor, unit.data(), column.data(), D_);
        for (Index i = 0; i < D_; ++i)
          mixture.factors.mutable_data()[(k * D_ + i) * D_ + j] = static_cast<real>(column[at(i)]);
      }
    }
    return mixture;
  }

  const real* x_;
  Index N_, D_;
  const MixtureOptions& options_;
  std::vector<Component> components_;
  Numbers shares_;  // (N, K)
};

// P_k and m_k.
Tensor factor(const Mixture& mixture, Index k) {
  return mixture.factors.rows(k, k + 1).reshaped({mixture.dim(), mixture.dim()});
}

// log w_k + log N(first n coordinates of x; k), for all k: points (B, D) -> (B, K) for n = D, and
// the same of the first `given` alone.
struct OfComponents {
  Var all, given;
};
OfComponents of_components(const Mixture& mixture, const Var& points, Index given) {
  const Index B = points.rows(), D = mixture.dim();
  std::vector<Var> all, of_given;
  for (Index k = 0; k < mixture.size(); ++k) {
    const Tensor P = factor(mixture, k);
    const Var y = matmul(points - mixture.means.rows(k, k + 1), P, Trans::no, Trans::yes);
    const auto log_density = [&](Index n) {
      double scale = math::log(std::max(double{mixture.weights.data()[k]}, 1e-300)) -
                     static_cast<double>(n) / 2 * kLogTwoPi;
      for (Index i = 0; i < n; ++i) scale += math::log(double{P.at({i, i})});
      const Var square = sum(gradflow::square(slice(y, 1, 0, n)), 1);
      return reshape(static_cast<real>(scale) - real(0.5) * square, {B, 1});
    };
    all.push_back(log_density(D));
    if (given > 0) of_given.push_back(log_density(given));
  }
  return {concat(all, 1), given > 0 ? concat(of_given, 1) : Var(Tensor())};
}

// A number of 0 ... K - 1 with these probabilities, by a uniform number.
Index drawn(std::span<const real> shares, double uniform) {
  for (std::size_t k = 0; k + 1 < shares.size(); ++k)
    if ((uniform -= shares[k]) < 0) return static_cast<Index>(k);
  return std::ssize(shares) - 1;
}

}  // namespace

void Mixture::visit(const Visitor& visitor) {
  visitor("weights", weights);
  visitor("means", means);
  visitor("factors", factors);
}

Mixture standard_mixture(Index components, Index dim) {
  require(components >= 1 && dim >= 1,
          "Mixture: {} components of {} coordinates given; 1 "
          "of each at least",
          components, dim);
  Mixture mixture{Tensor(Shape{components}, 1 / static_cast<real>(components)),
                  zeros({components, dim}), zeros({components, dim, dim})};
  for (Index k = 0; k < components; ++k)
    for (Index i = 0; i < dim; ++i) mixture.factors.mutable_data()[(k * dim + i) * dim + i] = 1;
  return mixture;
}

Mixture fit_mixture(const Tensor& points, const MixtureOptions& options, Rng rng) {
  require(points.rank() == 2 && points.shape()[1] >= 1,
          "fit_mixture: points {} given; (N, D) is required", points.shape());
  require(options.components >= 1 && points.rows() >= options.components,
          "fit_mixture: {} components for {} points given; from 1 to as many", options.components,
          points.rows());
  require(options.floor > 0, "fit_mixture: a floor of {} given; more than 0", options.floor);
  return Em(points, options).run(rng);
}

Var log_prob(const Mixture& mixture, const Var& points, Index given) {
  const OfComponents parts = of_components(mixture, points, given);
  const Var all = logsumexp(parts.all, 1);
  return given > 0 ? all - logsumexp(parts.given, 1) : all;
}

Tensor sample(const Mixture& mixture, const Tensor& given, Rng& rng) {
  const Index n = given.rows(), D = mixture.dim(), R = given.rank() == 2 ? given.shape()[1] : 0;
  Tensor shares = broadcast_to(mixture.weights, {n, mixture.size()}).value();
  if (R > 0) {  // the other coordinates do not count
    const Var padded = pad(given, 1, 0, D);
    shares = softmax(of_components(mixture, padded, R).given, 1).value();
  }
  const Tensor uniform = rng.uniform({n, 1}), normal = rng.normal({n, D});
  Tensor result({n, D - R});
  real* const out = result.mutable_data();
  Numbers u(at(D));
  for (Index i = 0; i < n; ++i) {
    const Index k = drawn(shares.values().subspan(at(i * mixture.size()), at(mixture.size())),
                          uniform.data()[i]);
    const real* const P = mixture.factors.data() + k * D * D;
    const real* const mean = mixture.means.data() + k * D;
    for (Index d = 0; d < D; ++d) {  // P u = y, whose last entries are N(0, 1)
      double sum = normal.data()[i * D + d];
      for (Index j = 0; j < d; ++j) sum -= double{P[d * D + j]} * u[at(j)];
      u[at(d)] = d < R ? double{given.data()[i * R + d]} - mean[d] : sum / P[d * D + d];
      if (d >= R) out[i * (D - R) + d - R] = static_cast<real>(mean[d] + u[at(d)]);
    }
  }
  return result;
}

}  // namespace gradflow
