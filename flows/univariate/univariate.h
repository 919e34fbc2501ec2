// Univariate: a map of one number, whose parameters a network says.
//
// The one idea: most normalizing flows are a product of two choices. A *univariate map* says how a
// coordinate is moved: it has R raw parameters, numbers that may be any, and each choice of them
// gives a function that can be undone. A *conditioner* (../coupling.h, ../autoregressive.h) says
// from which other coordinates those numbers are computed. So each map stands in one file, and all
// conditioners can use it.
//
// To add one: a file in this folder with a function that returns a Univariate, and a row in the
// tables of tests/tables/test_flows.cpp. It must be the identity where its raw numbers are 0, so
// that a flow whose last layers are 0 begins as the identity.
//
// Read next: affine.h, additive.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flows/bijection.h"
#include "flows/univariate/plain.h"

namespace gradflow {

struct Univariate {
  // points (B, M) -> (B, M), each by a function of its own: raw number r of coordinate i is at
  // column i R + r of raw (B, M R). log_det (B) is the sum over the M coordinates; left out for a
  // map of slope 1, and where it is declined.
  using Map = std::function<Mapped(const Var& points, const Var& raw, LogDet log_det)>;

  std::string name;               // for messages
  std::vector<std::string> raws;  // what the R raw numbers are
  Map latent, data;               // each undoes the other
  // Fast forms of the two, if there are any: of the last M columns of points (B, D), the others
  // staying as they are.
  Map fused_latent = nullptr;
  Map fused_data = nullptr;
  std::shared_ptr<const PlainMap> plain =
      nullptr;  // the same as loops, if it has them (univariate_fused.h)

  Index size() const { return std::ssize(raws); }  // R

  // What conditioners call: the last M columns of points (B, D) mapped, for raw (B, M R).
  Mapped to_latent(const Var& x, const Var& raw, LogDet log_det) const {
    return fused_latent ? fused_latent(x, raw, log_det) : last_columns(latent, x, raw, log_det);
  }
  Mapped to_data(const Var& z, const Var& raw, LogDet log_det) const {
    return fused_data ? fused_data(z, raw, log_det) : last_columns(data, z, raw, log_det);
  }
  // The same without fast forms: what they mean.
  Mapped composed(Way way, const Var& points, const Var& raw, LogDet log_det) const {
    return last_columns(way == Way::to_latent ? latent : data, points, raw, log_det);
  }

 private:
  Mapped last_columns(const Map& map, const Var& points, const Var& raw, LogDet log_det) const {
    require_not_moved(map != nullptr, "Univariate");
    const Index D = points.shape()[1], kept = D - raw.shape()[1] / size();
    if (kept == 0) return map(points, raw, log_det);
    Mapped moved = map(slice(points, 1, kept, D), raw, log_det);
    return {concat({slice(points, 1, 0, kept), moved.points}, 1), moved.log_det};
  }
};

// Raw number r of every coordinate, of R: raw (B, M R) -> (B, M).
inline Var raw_number(const Var& raw, Index r, Index R) {
  if (R == 1) return raw;
  const Index B = raw.rows(), M = raw.shape()[1] / R;
  return reshape(slice(reshape(raw, {B, M, R}), 2, r, r + 1), {B, M});
}

}  // namespace gradflow
