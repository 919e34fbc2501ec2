// TensorRows: a tensor of a safetensors file, (N, D) or (N), as a table; or all of them, of one
// axis and one length, as its columns.
#pragma once

#include "experiments/run/files/safetensors.h"
#include "experiments/table/read/row_reader.h"

namespace gradflow {

// Whether a file that begins so may be one: the length of a header, then the header itself.
bool looks_like_safetensors(std::string_view start);

class TensorRows final : public RowReader {
 public:
  // The tensor of this name; without a name the only one, or all of them. Throws FileError as
  // decode_tensors() does, if there is no such tensor, and for one of another rank.
  TensorRows(Source source, const std::string& tensor);

  bool next(std::span<double> row) override;
  std::string text() const override;

 private:
  static bool are_columns(const NamedTensors& tensors);
  std::string only_tensor(const TensorFile& file) const;
  void take_columns(const NamedTensors& tensors);
  void take_tensor(const TensorFile& file, const std::string& name);
  std::span<const real> values_of_row() const;  // of the last one

  Tensor values_;
};

}  // namespace gradflow
