#include "flows/linear/householder.h"

namespace gradflow {

Householder::Householder(Index dim, Index mirrors, Rng& rng) {
  require(dim >= 2, "Householder: {} coordinates given; at least 2", dim);
  require(mirrors >= 2 && mirrors % 2 == 0,
          "Householder: {} mirrors given; an even number, at least 2", mirrors);
  const Tensor each = rng.normal({mirrors / 2, dim});
  std::vector<Index> twice;
  for (Index k = 0; k < mirrors; ++k) twice.push_back(k / 2);
  normals_ = kernel::gather(each, twice);
}

// A normal of length 0 is no mirror: it leaves x as it is, instead of a NaN.
Var Householder::mirrored(const Var& x, Index mirror) const {
  constexpr real kTiny = real(1e-30);
  const Var v = slice(normals_, 0, mirror, mirror + 1);  // (1, D)
  return x - matmul(x, v, Trans::no, Trans::yes) * v * (2 / (sum(square(v)) + kTiny));
}

Mapped Householder::map_to_latent(const Var& x, const Var&, LogDet) const {
  Var z = x;
  for (Index k = 0; k < normals_.value().rows(); ++k) z = mirrored(z, k);
  return {z};
}

Mapped Householder::map_to_data(const Var& z, const Var&, LogDet) const {
  Var x = z;
  for (Index k = normals_.value().rows(); k-- > 0;) x = mirrored(x, k);
  return {x};
}

}  // namespace gradflow
