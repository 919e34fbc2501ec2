// TensorRows: a tensor of a safetensors file, (N, D) or (N), as a table.
#pragma once

#include "experiments/table/read/row_reader.h"
#include "tensor/tensor.h"

namespace gradflow {

// Whether a file that begins so may be one: the length of a header, then the header itself.
bool looks_like_safetensors(std::string_view start);

class TensorRows final : public RowReader {
 public:
  // The tensor of this name; the only one, if there is no name. Throws FileError as
  // decode_tensors() does, if there is no such tensor, and for one of another rank.
  TensorRows(Source source, const std::string& tensor);

  bool next(std::span<double> row) override;
  std::string text() const override;

 private:
  std::span<const real> values_of_row() const;  // of the last one

  Tensor values_;
};

}  // namespace gradflow
