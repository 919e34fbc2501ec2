#include "tensor/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "tensor/axis.h"
#include "tensor/error.h"

namespace gradflow {

Tensor::Tensor(const Shape& shape)
    : storage_(shape.size()), data_(storage_.data()), shape_(shape) {}

Tensor::Tensor(const Shape& shape, real value) : Tensor(shape) {
  std::fill_n(data_, size(), value);
}

Tensor::Tensor(const Shape& shape, std::span<const real> values) : Tensor(shape) {
  if (std::ssize(values) != size())
    throw ShapeError(fmt::format("Tensor: {} values given for shape {}; {} are required",
                                 values.size(), to_string(shape), size()));
  std::copy(values.begin(), values.end(), data_);
}

Tensor::Tensor(const Shape& shape, std::initializer_list<real> values)
    : Tensor(shape, std::span<const real>(values.begin(), values.size())) {}

Tensor::Tensor(std::initializer_list<std::initializer_list<real>> rows)
    : Tensor(Shape{std::ssize(rows), rows.size() ? std::ssize(*rows.begin()) : 0}) {
  real* out = data_;
  for (const auto& row : rows) {
    if (std::ssize(row) != shape_[1])
      throw ShapeError(fmt::format("Tensor: rows of {} and {} elements given; all must be equal",
                                   shape_[1], row.size()));
    out = std::copy(row.begin(), row.end(), out);
  }
}

real Tensor::item() const {
  if (size() != 1)
    throw ShapeError(fmt::format("item: a tensor of shape {} given; one element is required",
                                 to_string(shape_)));
  return *data_;
}

real Tensor::at(std::initializer_list<Index> position) const {
  Index offset = 0;
  int axis = 0;
  for (const Index i : position) {
    if (axis >= rank() || i < 0 || i >= shape_[axis])
      throw ShapeError(fmt::format("at: position {} on axis {} of a tensor of shape {} given", i,
                                   axis, to_string(shape_)));
    offset = offset * shape_[axis++] + i;
  }
  if (axis != rank())
    throw ShapeError(fmt::format("at: {} positions given for shape {}; {} are required", axis,
                                 to_string(shape_), rank()));
  return data_[offset];
}

real* Tensor::mutable_data() {
  if (size() > 0 && !unique()) {
    Tensor copy(shape_);
    std::copy_n(data_, size(), copy.data_);
    *this = std::move(copy);
  }
  return data_;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  if (shape.size() != size())
    throw ShapeError(fmt::format("reshape: {} to {} given; the number of elements must stay {}",
                                 to_string(shape_), to_string(shape), size()));
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

Tensor Tensor::reshaped(std::initializer_list<Index> sizes) const {
  Shape shape;
  int unknown = -1;
  for (const Index given : sizes) {
    const bool compute = given == -1 && unknown == -1;
    if (compute) unknown = shape.rank();
    shape = shape.inserted(shape.rank(), Shape{compute ? 1 : given}[0]);  // Shape{} checks the size
  }
  if (unknown >= 0 && shape.size() > 0) shape = shape.with(unknown, size() / shape.size());
  return reshaped(shape);
}

Tensor Tensor::rows(Index begin, Index end) const {
  if (rank() == 0 || begin < 0 || begin > end || end > rows())
    throw ShapeError(
        fmt::format("rows: {} to {} of a tensor of shape {} given", begin, end, to_string(shape_)));
  Tensor result = *this;
  const Index row_size = rows() ? size() / rows() : 0;
  result.data_ += begin * row_size;
  result.shape_ = shape_.with(0, end - begin);
  return result;
}

Tensor eye(Index n) {
  Tensor result = zeros({n, n});
  real* out = result.mutable_data();
  for (Index i = 0; i < n; ++i) out[i * n + i] = 1;
  return result;
}

Tensor linspace(real first, real last, Index count) {
  Tensor result(Shape{count});
  real* out = result.mutable_data();
  for (Index i = 0; i < count; ++i) {
    const real t = count > 1 ? real(i) / real(count - 1) : 0;
    out[i] = (1 - t) * first + t * last;  // exact at both ends
  }
  return result;
}

Tensor transpose(const Tensor& x, int axis_a, int axis_b) {
  const int a = std::min(checked_axis("transpose", axis_a, x.shape()),
                         checked_axis("transpose", axis_b, x.shape()));
  const int b = std::max(checked_axis("transpose", axis_a, x.shape()),
                         checked_axis("transpose", axis_b, x.shape()));
  if (a == b) return x;
  // Seen from the two axes, x is (outer, m, middle, n, inner) and y is (outer, n, middle, m,
  // inner).
  const auto [outer, m, rest] = split_at(x.shape(), a);
  const auto [skipped, n, inner] = split_at(x.shape(), b);
  const Index middle = skipped / std::max<Index>(outer * m, 1);
  Tensor y(x.shape().with(a, n).with(b, m));
  const real* in = x.data();
  real* out = y.mutable_data();
  for (Index o = 0; o < outer; ++o)
    for (Index j = 0; j < n; ++j)
      for (Index k = 0; k < middle; ++k)
        for (Index i = 0; i < m; ++i, out += inner)
          std::copy_n(in + (((o * m + i) * middle + k) * n + j) * inner, inner, out);
  return y;
}

Tensor slice(const Tensor& x, int axis, Index begin, Index end) {
  axis = checked_axis("slice", axis, x.shape());
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  if (begin < 0 || begin > end || end > n)
    throw ShapeError(fmt::format("slice: {} to {} on axis {} of shape {} given", begin, end, axis,
                                 to_string(x.shape())));
  if (outer == 1) {  // whole rows: no copy
    Tensor y = x.reshaped({n, inner}).rows(begin, end);
    return y.reshaped(x.shape().with(axis, end - begin));
  }
  Tensor y(x.shape().with(axis, end - begin));
  const Index run = (end - begin) * inner;
  real* out = y.mutable_data();
  for (Index o = 0; o < outer; ++o)
    std::copy_n(x.data() + (o * n + begin) * inner, run, out + o * run);
  return y;
}

Tensor pad(const Tensor& x, int axis, Index begin, Index size) {
  axis = checked_axis("pad", axis, x.shape());
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  if (begin < 0 || begin + n > size)
    throw ShapeError(
        fmt::format("pad: {} positions from {} on given; they must fit in {}", n, begin, size));
  Tensor y = zeros(x.shape().with(axis, size));
  real* out = y.mutable_data();
  for (Index o = 0; o < outer; ++o)
    std::copy_n(x.data() + o * n * inner, n * inner, out + (o * size + begin) * inner);
  return y;
}

Tensor concat(std::span<const Tensor> parts, int axis) {
  if (parts.empty()) throw ShapeError("concat: no tensors given; at least one is required");
  const Shape& first = parts[0].shape();
  axis = checked_axis("concat", axis, first);
  Index total = 0;
  for (const Tensor& part : parts) {
    if (part.rank() != first.rank() || part.shape().with(axis, 0) != first.with(axis, 0))
      throw ShapeError(fmt::format("concat: {} and {} given; all axes but axis {} must agree",
                                   to_string(first), to_string(part.shape()), axis));
    total += part.shape()[axis];
  }
  Tensor y(first.with(axis, total));
  Index begin = 0;
  for (const Tensor& part : parts) {
    const auto [outer, n, inner] = split_at(part.shape(), axis);
    real* out = y.mutable_data() + begin * inner;
    for (Index o = 0; o < outer; ++o)
      std::copy_n(part.data() + o * n * inner, n * inner, out + o * total * inner);
    begin += n;
  }
  return y;
}

namespace {
void check_indices(const char* op, const std::vector<Index>& indices, Index size) {
  for (const Index i : indices)
    if (i < 0 || i >= size)
      throw ShapeError(fmt::format("{}: index {} given; indices are 0 to {}", op, i, size - 1));
}
}  // namespace

Tensor gather(const Tensor& x, const std::vector<Index>& indices, int axis) {
  axis = checked_axis("gather", axis, x.shape());
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  check_indices("gather", indices, n);
  Tensor y(x.shape().with(axis, std::ssize(indices)));
  real* out = y.mutable_data();
  for (Index o = 0; o < outer; ++o)
    for (const Index i : indices) out = std::copy_n(x.data() + (o * n + i) * inner, inner, out);
  return y;
}

Tensor scatter_add(const Tensor& x, const std::vector<Index>& indices, Index size, int axis) {
  axis = checked_axis("scatter_add", axis, x.shape());
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  if (n != std::ssize(indices))
    throw ShapeError(fmt::format("scatter_add: {} indices for {} positions given; one for each",
                                 indices.size(), n));
  check_indices("scatter_add", indices, size);
  Tensor y = zeros(x.shape().with(axis, size));
  const real* in = x.data();
  real* out = y.mutable_data();
  for (Index o = 0; o < outer; ++o)
    for (const Index i : indices)
      for (Index k = 0; k < inner; ++k) out[(o * size + i) * inner + k] += *in++;
  return y;
}

std::string to_string(const Tensor& x) {
  constexpr Index kShown = 12;
  std::string text = to_string(x.shape()) + " [";
  for (Index i = 0; i < std::min(x.size(), kShown); ++i)
    text += fmt::format("{}{:.6g}", i ? ", " : "", x.data()[i]);
  return text + (x.size() > kShown ? ", ...]" : "]");
}

}  // namespace gradflow
