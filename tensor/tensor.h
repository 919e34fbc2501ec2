// Tensor: a dense array of numbers with a shape. It is a *value*.
//
// The one idea: copying a Tensor is cheap (copies share storage) and safe (whoever writes to
// shared storage gets a copy of its own first). So a Tensor behaves like an int: pass it, keep it,
// return it, and nobody else's tensor changes.
//
// Elements lie row by row ("row-major"), without gaps: element (i, j) of an (m, n) tensor is at
// data()[i * n + j].
//
// An axis, an index or a shape that does not fit raises ShapeError, which names the operation.
//
// Read next: map.h (element by element), reduce.h, matmul.h, random.h.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tensor/kernels/buffer.h"
#include "tensor/shape.h"

namespace gradflow {

class Tensor {
 public:
  Tensor() = default;                   // no elements: shape (0)
  explicit Tensor(const Shape& shape);  // elements not initialised: for results about to be written
  Tensor(const Shape& shape, real value);  // every element the same
  // Elements in row-major order; throws ShapeError if their number is not shape.size().
  Tensor(const Shape& shape, std::span<const real> values);
  Tensor(const Shape& shape, std::initializer_list<real> values);
  // A matrix from its rows: Tensor({{1, 2}, {3, 4}}). Throws ShapeError if they differ in length.
  Tensor(std::initializer_list<std::initializer_list<real>> rows);

  // Copies share storage. What has been moved from is a tensor without elements, of shape (0).
  Tensor(const Tensor&) = default;
  Tensor& operator=(const Tensor&) = default;
  Tensor(Tensor&& other) noexcept
      : storage_(std::move(other.storage_)),
        data_(std::exchange(other.data_, nullptr)),
        shape_(std::exchange(other.shape_, kNone)) {}
  Tensor& operator=(Tensor&& other) noexcept {
    if (this == &other) return *this;
    storage_ = std::move(other.storage_);
    data_ = std::exchange(other.data_, nullptr);
    shape_ = std::exchange(other.shape_, kNone);
    return *this;
  }
  ~Tensor() = default;

  // One number, of shape ().
  static Tensor scalar(real value) { return {Shape{}, value}; }

  const Shape& shape() const { return shape_; }  // e.g. (128, 2)
  int rank() const { return shape_.rank(); }     // the number of axes
  Index size() const { return shape_.size(); }   // the number of elements
  Index rows() const { return shape_[0]; }       // the size of the batch axis; rank 1 or more

  // The elements in row-major order, to be read.
  const real* data() const { return data_; }
  std::span<const real> values() const& { return {data_, static_cast<std::size_t>(size())}; }
  std::span<const real> values() const&& = delete;  // the numbers would die with the tensor
  real item() const;  // the only element; throws ShapeError if there are more, or none
  real at(std::initializer_list<Index> position) const;  // checked; throws ShapeError

  // For writing. If the storage is shared it is copied first, so that no other tensor changes.
  real* mutable_data() {
    if (owners() != 1) copy_storage();
    return data_;
  }
  // How many tensors share the storage; 1: a write would not copy; 0: there are no elements.
  int owners() const { return storage_.owners(); }

  // The same elements in the same order under another shape; shares storage.
  // Throws ShapeError if the number of elements differs.
  Tensor reshaped(const Shape& shape) const;
  Tensor reshaped(std::initializer_list<Index> sizes) const {
    return reshaped(Shape("reshape", {sizes.begin(), sizes.size()}));
  }
  // Rows begin .. end-1 along the first axis; shares storage, since rows lie one after another.
  Tensor rows(Index begin, Index end) const;

 private:
  static constexpr Shape kNone{0};  // made once: it is copied faster than it is put together
  void copy_storage();

  Buffer storage_;
  real* data_ = nullptr;  // into storage_; not always its start, see rows()
  Shape shape_ = kNone;
};

// Every element 0; every element 1.
inline Tensor zeros(const Shape& shape) { return {shape, real{0}}; }
inline Tensor ones(const Shape& shape) { return {shape, real{1}}; }
// (count): evenly spaced, both ends included. Throws ShapeError for an end that is not finite.
Tensor linspace(real first, real last, Index count);

bool all_finite(const Tensor& x);  // true if no element is NaN or infinite

std::string to_string(const Tensor& x);  // for people: shape and elements, long ones shortened

// Functions of plain numbers, of which the operations on Vars (autograd/ops.h) are made. They have
// a namespace of their own: what a user writes with a + b or sum(x) is always an operation on Vars.
namespace kernel {

// Rearrangements: copies, unless the order in memory stays. `axis` may be negative: -1 is the last.
Tensor transpose(const Tensor& x, int axis_a = 0, int axis_b = 1);  // two axes exchanged
Tensor slice(const Tensor& x, int axis, Index begin, Index end);    // positions begin .. end-1
// The reverse of slice: x at `begin` along an axis of size `size`, zeros elsewhere.
Tensor pad(const Tensor& x, int axis, Index begin, Index size);
// The parts one after another along `axis`, their other sizes equal.
Tensor concat(std::span<const Tensor> parts, int axis);
// y[.., i, ..] = x[.., indices[i], ..] along `axis`. Errors name `op`.
Tensor gather(const Tensor& x, const std::vector<Index>& indices, int axis = 0,
              const char* op = "gather");
// The reverse of gather: y[.., indices[i], ..] += x[.., i, ..], where y has `size` positions.
Tensor scatter_add(const Tensor& x, const std::vector<Index>& indices, Index size, int axis = 0);

// a += factor b, in a's own storage if nobody shares it. Throws ShapeError unless the shapes are
// equal.
void add_in_place(Tensor& a, const Tensor& b, real factor = 1);

}  // namespace kernel
}  // namespace gradflow
