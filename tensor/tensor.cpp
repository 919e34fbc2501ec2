#include "tensor/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gradflow {

Tensor::Tensor(const Shape& shape)
    : storage_(shape.size()), data_(storage_.data()), shape_(shape) {}

Tensor::Tensor(const Shape& shape, real value) : Tensor(shape) {
  std::fill_n(data_, size(), value);
}

Tensor::Tensor(const Shape& shape, std::span<const real> values) : Tensor(shape) {
  require(std::ssize(values) == size(), "Tensor: {} values given for shape {}; {} are required",
          values.size(), shape, size());
  std::copy(values.begin(), values.end(), data_);
}

Tensor::Tensor(const Shape& shape, std::initializer_list<real> values)
    : Tensor(shape, std::span<const real>(values.begin(), values.size())) {}

Tensor::Tensor(std::initializer_list<std::initializer_list<real>> rows)
    : Tensor(Shape{std::ssize(rows), rows.size() ? std::ssize(*rows.begin()) : 0}) {
  real* out = data_;
  for (const auto& row : rows) {
    require(std::ssize(row) == shape_[1],
            "Tensor: rows of {} and {} elements given; all must be equal", shape_[1], row.size());
    out = std::copy(row.begin(), row.end(), out);
  }
}

real Tensor::item() const {
  require(size() == 1, "item: a tensor of shape {} given; one element is required", shape_);
  return *data_;
}

real Tensor::at(std::initializer_list<Index> position) const {
  Index offset = 0;
  int axis = 0;
  for (const Index i : position) {
    require(axis < rank() && 0 <= i && i < shape_[axis],
            "at: position {} on axis {} of a tensor of shape {} given", i, axis, shape_);
    offset = offset * shape_[axis++] + i;
  }
  require(axis == rank(), "at: {} positions given for shape {}; {} are required", axis, shape_,
          rank());
  return data_[offset];
}

void Tensor::copy_storage() {
  Tensor copy(shape_);
  std::copy_n(data_, size(), copy.data_);
  *this = std::move(copy);
}

Tensor Tensor::reshaped(const Shape& shape) const {
  require(shape.size() == size(), "reshape: {} to {} given; the number of elements must stay {}",
          shape_, shape, size());
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

Tensor Tensor::rows(Index begin, Index end) const {
  require(rank() > 0 && 0 <= begin && begin <= end && end <= rows(),
          "rows: {} to {} of a tensor of shape {} given", begin, end, shape_);
  Tensor result = *this;
  const Index row_size = rows() ? size() / rows() : 0;
  result.data_ += begin * row_size;
  result.shape_ = shape_.with(0, end - begin);
  return result;
}

Tensor linspace(real first, real last, Index count) {
  require(count >= 0, "linspace: count {} given; 0 or more", count);
  require(std::isfinite(first) && std::isfinite(last),
          "linspace: from {} to {} given; both must be finite", first, last);
  Tensor result(Shape{count});
  real* out = result.mutable_data();
  for (Index i = 0; i < count; ++i) {
    const real t = count > 1 ? real(i) / real(count - 1) : 0;
    out[i] = (1 - t) * first + t * last;  // exact at both ends
  }
  return result;
}

bool all_finite(const Tensor& x) {
  // v * 0 is 0 for every finite v and NaN for the others; NaN survives the sum.
  const Index n = x.size();
  const real* in = x.data();
  real sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index i = 0; i < n; ++i) sum += in[i] * 0;
  return sum == 0;
}

std::string to_string(const Tensor& x) {
  constexpr Index kShown = 12;
  std::string text = to_string(x.shape()) + " [";
  for (Index i = 0; i < std::min(x.size(), kShown); ++i)
    text += fmt::format("{}{:.6g}", i ? ", " : "", x.data()[i]);
  return text + (x.size() > kShown ? ", ...]" : "]");
}

namespace {

// Copies `count` runs of n numbers each, which begin `in_step` and `out_step` numbers apart.
void copy_runs(Index count, Index n, const real* in, Index in_step, real* out, Index out_step) {
  if (n == 0) return;  // however many
  if (n == 1)          // a column: a call of memmove for each number would take most of the time
    for (Index i = 0; i < count; ++i) out[i * out_step] = in[i * in_step];
  else
    for (Index i = 0; i < count; ++i) std::copy_n(in + i * in_step, n, out + i * out_step);
}

// Rows, of so few numbers that a call of memmove for each would take most of the time: the compiler
// knows how many there are.
template <Index inner>
void gather_rows(const real* x, const std::vector<Index>& indices, real* out) {
  for (const Index i : indices) out = std::copy_n(x + i * inner, inner, out);
}

// Sets positions begin ... along an axis of y to x.
void copy_into(Tensor& y, int axis, Index begin, const Tensor& x) {
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  const Index size = y.shape()[axis];
  copy_runs(outer, n * inner, x.data(), n * inner, y.mutable_data() + begin * inner, size * inner);
}

void check_indices(const char* op, const std::vector<Index>& indices, Index size) {
  require(indices.empty() || size > 0,
          "{}: {} indices given for an axis of size 0; none are possible", op, indices.size());
  for (const Index i : indices)
    require(0 <= i && i < size, "{}: index {} given; indices are 0 to {}", op, i, size - 1);
}

}  // namespace

namespace kernel {

Tensor transpose(const Tensor& x, int axis_a, int axis_b) {
  const auto [a, b] = std::minmax(
      {checked_axis("transpose", axis_a, x.shape()), checked_axis("transpose", axis_b, x.shape())});
  if (a == b) return x;
  // Seen from the two axes, x is (outer, m, middle, n, inner) and y is (outer, n, middle, m,
  // inner).
  const auto [outer, m, rest] = split_at(x.shape(), a);
  const auto [skipped, n, inner] = split_at(x.shape(), b);
  const Index middle = skipped / std::max<Index>(outer * m, 1);
  const Shape turned = x.shape().exchanged(a, b);
  if ((middle == 1 && (m == 1 || n == 1)) || x.size() == 0)
    return x.reshaped(turned);  // the order stays
  Tensor y(turned);
  const real* in = x.data();
  real* out = y.mutable_data();
  for (Index o = 0; o < outer; ++o)
    for (Index j = 0; j < n; ++j)
      for (Index k = 0; k < middle; ++k, out += m * inner)
        copy_runs(m, inner, in + ((o * m * middle + k) * n + j) * inner, middle * n * inner, out,
                  inner);
  return y;
}

Tensor slice(const Tensor& x, int axis, Index begin, Index end) {
  axis = checked_axis("slice", axis, x.shape());
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  require(0 <= begin && begin <= end && end <= n, "slice: {} to {} on axis {} of shape {} given",
          begin, end, axis, x.shape());
  const Shape shape = x.shape().with(axis, end - begin);
  if (outer == 1)  // whole rows: no copy
    return x.reshaped(Shape{n, inner}).rows(begin, end).reshaped(shape);
  Tensor y(shape);
  const Index run = (end - begin) * inner;
  copy_runs(outer, run, x.data() + begin * inner, n * inner, y.mutable_data(), run);
  return y;
}

Tensor pad(const Tensor& x, int axis, Index begin, Index size) {
  axis = checked_axis("pad", axis, x.shape());
  const Index n = x.shape()[axis];
  require(0 <= begin && n <= size && begin <= size - n,
          "pad: {} positions from {} on given; they must fit in {}", n, begin, size);
  Tensor y = zeros(x.shape().with(axis, size, "pad"));
  copy_into(y, axis, begin, x);
  return y;
}

Tensor concat(std::span<const Tensor> parts, int axis) {
  require(!parts.empty(), "concat: no tensors given; at least one is required");
  const Shape& first = parts[0].shape();
  axis = checked_axis("concat", axis, first);
  Shape shape = first.with(axis, 0);
  for (const Tensor& part : parts) {
    require(part.rank() == first.rank() && part.shape().with(axis, 0) == first.with(axis, 0),
            "concat: {} and {} given; all axes but axis {} must agree", first, part.shape(), axis);
    shape = shape.with(axis, shape[axis] + part.shape()[axis], "concat");
  }
  Tensor y(shape);
  Index begin = 0;
  for (const Tensor& part : parts) {
    copy_into(y, axis, begin, part);
    begin += part.shape()[axis];
  }
  return y;
}

Tensor gather(const Tensor& x, const std::vector<Index>& indices, int axis, const char* op) {
  axis = checked_axis(op, axis, x.shape());
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  check_indices(op, indices, n);
  const Index count = std::ssize(indices);
  Tensor y(x.shape().with(axis, count, op));
  if (y.size() == 0) return y;
  real* out = y.mutable_data();
  if (outer == 1 && inner == 2)
    gather_rows<2>(x.data(), indices, out);
  else if (outer == 1 && inner == 3)
    gather_rows<3>(x.data(), indices, out);
  else if (outer == 1 && inner == 4)
    gather_rows<4>(x.data(), indices, out);
  else if (outer > count)  // along the axis first, which has few positions
    for (const Index i : indices)
      copy_runs(outer, inner, x.data() + i * inner, n * inner, std::exchange(out, out + inner),
                count * inner);
  else
    for (Index o = 0; o < outer; ++o)
      for (const Index i : indices) out = std::copy_n(x.data() + (o * n + i) * inner, inner, out);
  return y;
}

Tensor scatter_add(const Tensor& x, const std::vector<Index>& indices, Index size, int axis) {
  axis = checked_axis("scatter_add", axis, x.shape());
  const auto [outer, n, inner] = split_at(x.shape(), axis);
  require(size >= 0, "scatter_add: size {} given; 0 or more", size);
  require(n == std::ssize(indices), "scatter_add: {} indices for {} positions given; one for each",
          indices.size(), n);
  check_indices("scatter_add", indices, size);
  Tensor y = zeros(x.shape().with(axis, size, "scatter_add"));
  if (x.size() == 0) return y;
  const real* in = x.data();
  real* out = y.mutable_data();
  // What goes to one place is added up before it is rounded.
  std::vector<Carried> total(static_cast<std::size_t>(size * inner));
  for (Index o = 0; o < outer; ++o) {
    std::fill(total.begin(), total.end(), Carried{0});
    for (const Index i : indices) {
      Carried* const place = total.data() + i * inner;
      for (Index k = 0; k < inner; ++k) place[k] += *in++;
    }
    out = std::transform(total.begin(), total.end(), out,
                         [](Carried sum) { return static_cast<real>(sum); });
  }
  return y;
}

void add_in_place(Tensor& a, const Tensor& b, real factor) {
  require(a.shape() == b.shape(), "add_in_place: {} and {} given; the shapes must be equal",
          a.shape(), b.shape());
  const Index n = a.size();
  real* out = a.mutable_data();
  const real* in = b.data();
#pragma omp simd
  for (Index i = 0; i < n; ++i) out[i] += factor * in[i];
}

}  // namespace kernel
}  // namespace gradflow
