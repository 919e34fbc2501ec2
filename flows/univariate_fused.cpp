// In short: the columns that move, and their raw numbers, are turned, so that those of one
// coordinate lie side by side; and back.

#include "flows/univariate_fused.h"

#include "nn/plain_mlp.h"

namespace gradflow {
namespace {

// Of points (B, D), the last M of whose columns are moved by raw (B, M R).
struct Pass {
  std::shared_ptr<const Univariate> map;  // composed, with its loops
  Way way;
  Index B, D, M;
  Tensor from{}, to{}, kept{};  // (M, B) before and after; (M, kept, B)

  Index R() const { return map->size(); }
};

// The last M columns of points (B, D), as rows (M, B); and the other way round.
Tensor last_columns(const Tensor& points, Index M) {
  const Index B = points.rows(), D = points.shape()[1];
  Tensor rows({M, B});
  real* const out = rows.mutable_data();
  for (Index i = 0; i < M; ++i)
    for (Index b = 0; b < B; ++b) out[i * B + b] = points.data()[b * D + D - M + i];
  return rows;
}
void set_last_columns(Tensor& points, const Tensor& rows) {
  const Index B = points.rows(), D = points.shape()[1], M = rows.shape()[0];
  real* const out = points.mutable_data();
  for (Index i = 0; i < M; ++i)
    for (Index b = 0; b < B; ++b) out[b * D + D - M + i] = rows.data()[i * B + b];
}

Tensor turned(const Tensor& x) {
  Tensor y({x.shape()[1], x.shape()[0]});
  turn(x.data(), x.shape()[0], x.shape()[1], y.mutable_data());
  return y;
}

// y (B, D) and the log-determinant (B), or nothing for it.
std::array<Tensor, 2> forward(Pass& pass, const Tensor& points, const Tensor& raw, LogDet log_det) {
  const Index B = pass.B, R = pass.R(), K = pass.map->plain->kept;
  const Tensor rows = turned(raw);
  pass.from = last_columns(points, pass.M);
  pass.to = Tensor({pass.M, B});
  pass.kept = Tensor({pass.M, K, B});
  Tensor total = zeros(Shape{log_det == LogDet::yes ? B : 0});
  real* const sum = total.mutable_data();  // null where there are no numbers to add to
  real *const to = pass.to.mutable_data(), *const kept = pass.kept.mutable_data();
  for (Index i = 0; i < pass.M; ++i)
    pass.map->plain->forward(pass.way, B, pass.from.data() + i * B, {rows.data() + i * R * B, B},
                             to + i * B, sum, kept + i * K * B);
  Tensor y = points;
  set_last_columns(y, pass.to);
  return {std::move(y), std::move(total)};
}

std::array<Tensor, 2> backward(const Pass& pass, const Tensor& dy, const Tensor* d_log_det) {
  const Index B = pass.B, R = pass.R(), K = pass.map->plain->kept;
  Tensor d = last_columns(dy, pass.M), draw({pass.M * R, B});
  real *const rows = d.mutable_data(), *const raws = draw.mutable_data();
  for (Index i = 0; i < pass.M; ++i)
    pass.map->plain->backward(pass.way, B, pass.from.data() + i * B, pass.to.data() + i * B,
                              pass.kept.data() + i * K * B, rows + i * B,
                              d_log_det ? d_log_det->data() : nullptr, {raws + i * R * B, B});
  Tensor dx = dy;
  set_last_columns(dx, d);
  return {std::move(dx), turned(draw)};
}

Mapped mapped(Pass pass, const Var& points, const Var& raw, LogDet log_det) {
  auto [y, total] = forward(pass, points.value(), raw.value(), log_det);
  if (!points.tracked() && !raw.tracked()) return {std::move(y), std::move(total)};
  const std::array arguments{points, raw};
  const char* const name = "univariate";
  if (log_det == LogDet::no)
    return {record_fused(
        name, std::array{y}, arguments,
        [=](const std::array<Var, 2>& of) {
          return std::array{pass.map->composed(pass.way, of[0], of[1], log_det).points};
        },
        [=](const std::array<Tensor, 1>& dy, const std::array<bool, 2>&) {
          return backward(pass, dy[0], nullptr);
        })[0]};
  const auto both = record_fused(
      name, std::array{y, total}, arguments,
      [=](const std::array<Var, 2>& of) {
        const Mapped all = pass.map->composed(pass.way, of[0], of[1], log_det);
        return std::array{all.points, all.log_det};
      },
      [=](const std::array<Tensor, 2>& dy, const std::array<bool, 2>&) {
        return backward(pass, dy[0], &dy[1]);
      });
  return {both[0], both[1]};
}

}  // namespace

Univariate with_fused(Univariate composed, const PlainMap& plain) {
  composed.plain = std::make_shared<const PlainMap>(plain);
  const auto map = std::make_shared<const Univariate>(composed);
  const auto fused = [&map](Way way) {
    return [way, map](const Var& points, const Var& raw, LogDet log_det) {
      return mapped({map, way, points.rows(), points.shape()[1], raw.shape()[1] / map->size()},
                    points, raw, log_det);
    };
  };
  composed.fused_latent = fused(Way::to_latent);
  composed.fused_data = fused(Way::to_data);
  return composed;
}

}  // namespace gradflow
