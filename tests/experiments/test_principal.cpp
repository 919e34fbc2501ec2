// Principal components: that they are what they are defined by, and what is refused.
#include "experiments/data/principal.h"

#include "autograd/ops.h"
#include "tensor/matmul.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

// z A + b with z ~ N(0, I): five coordinates that have to do with each other.
Tensor correlated(Index n, Rng& rng) {
  const Tensor A({{3, 1, 0, 0, 0},
                  {0, 2, 1, 0, 1},
                  {0, 0, 1, 0, 0},
                  {0, 0, 0, real(0.5), 0},
                  {1, 0, 0, 0, real(0.2)}});
  return (Var(kernel::matmul(rng.normal({n, 5}), A)) + Tensor({1, 5}, {7, -3, 0, 20, 1})).value();
}

TEST_CASE("principal components are orthonormal, uncorrelated, and have the largest variances") {
  Rng rng(1);
  const Tensor x = correlated(2000, rng);
  const PrincipalComponents all = PrincipalComponents::of(x, 5, rng);
  const Tensor product = kernel::matmul(all.axes, all.axes, Trans::no, Trans::yes);
  const Tensor c = all.to_components(x);
  const Tensor covariance =
      (Var(kernel::matmul(c, c, Trans::yes)) / static_cast<real>(x.rows())).value();
  double total = 0;
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 5; ++j) {
      INFO("components " << i << " and " << j);
      CHECK(product.at({i, j}) == Approx(i == j ? 1 : 0).margin(1e-6));
      if (i != j) CHECK(covariance.at({i, j}) == Approx(0).margin(1e-4));
      if (i == j && i > 0) CHECK(covariance.at({i, i}) < covariance.at({i - 1, i - 1}));
      if (i == j) total += covariance.at({i, i});
    }
  const Var centred = Var(x) - mean(Var(x), 0, KeepAxis::yes);
  CHECK(total == Approx(5 * mean(square(centred)).item()).epsilon(1e-5));
  // As many as there are coordinates lose nothing.
  CHECK(difference(all.to_data(c), reference(x), 200, 20) == "");

  // What few components lose is the variance of the others: no other directions lose less.
  const PrincipalComponents two = PrincipalComponents::of(x, 2, rng);
  const double lost = 5 * mean(square(Var(x) - two.to_data(two.to_components(x)))).item();
  double others = 0;
  for (Index i = 2; i < 5; ++i) others += covariance.at({i, i});
  CHECK(lost == Approx(others).epsilon(1e-4));
}

TEST_CASE("principal components: what cannot be is refused") {
  Rng rng(2);
  const Tensor x = correlated(50, rng);
  const auto message = [&](const Tensor& points, Index k) {
    return message_of<ShapeError>([&] { PrincipalComponents::of(points, k, rng); });
  };
  const std::string end = " given; (N, D) and 1 to D are required";
  CHECK(message(x, 0) == "PrincipalComponents: 0 components of points (50, 5)" + end);
  CHECK(message(x, 6) == "PrincipalComponents: 6 components of points (50, 5)" + end);
  CHECK(message(ones({4}), 1) == "PrincipalComponents: 1 components of points (4)" + end);
  CHECK(message(ones({4, 3}), 1) ==
        "PrincipalComponents: 1 components of points that differ in 0 directions");
  CHECK(message(x.rows(0, 3), 3) ==
        "PrincipalComponents: 3 components of points that differ in 2 directions");
}

}  // namespace
}  // namespace gradflow
