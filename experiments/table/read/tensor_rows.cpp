#include "experiments/table/read/tensor_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "autograd/ops.h"

namespace gradflow {

bool looks_like_safetensors(std::string_view start) {
  return start.size() > 8 && start[8] == '{' &&
         start.substr(4, 4) == std::string_view("\0\0\0\0", 4);
}

TensorRows::TensorRows(Source source, const std::string& tensor) {
  source_ = source.name();
  const TensorFile file = decode_tensors(source.rest(), source_);
  if (tensor.empty() && file.tensors.size() > 1 && are_columns(file.tensors))
    take_columns(file.tensors);
  else
    take_tensor(file, tensor.empty() ? only_tensor(file) : tensor);
}

std::string TensorRows::only_tensor(const TensorFile& file) const {
  const std::string format =
      file.metadata.contains("format") ? file.metadata.at("format") : std::string();
  require<FileError>(!format.starts_with("gradflow "), "read: {}: it is no table, but a \"{:.40}\"",
                     source_, format);
  std::vector<std::string> names;
  for (const auto& [name, x] : file.tensors) names.push_back(name);
  require<FileError>(names.size() == 1,
                     "read: {}: it has {} tensors that can be read: {:.200}; hint: --array NAME",
                     source_, names.size(), fmt::format("{}", fmt::join(names, ", ")));
  return names.front();
}

bool TensorRows::are_columns(const NamedTensors& tensors) {
  const Shape shape = tensors.begin()->second.shape();
  return std::ranges::all_of(tensors, [&](const auto& named) {
    return shape.rank() == 1 && named.second.shape() == shape;
  });
}

void TensorRows::take_columns(const NamedTensors& tensors) {
  std::vector<Var> columns;
  for (const auto& [name, x] : tensors) {
    names_.push_back(name);
    columns.emplace_back(x.reshaped({x.size(), 1}));
  }
  values_ = concat(columns, 1).value();
}

void TensorRows::take_tensor(const TensorFile& file, const std::string& name) {
  try {
    values_ = file.at(name);
  } catch (const FileError& error) {
    throw FileError(fmt::format("read: {}: {}", source_, error.what()));
  }
  const Shape shape = values_.shape();
  require<FileError>((shape.rank() == 1 || shape.rank() == 2) && shape[shape.rank() - 1] >= 1,
                     "read: {}: tensor \"{}\" is {}; (rows, columns) is required", source_, name,
                     shape);
  if (shape.rank() == 1) values_ = values_.reshaped({shape[0], 1});
  name_columns(values_.shape()[1]);
}

std::span<const real> TensorRows::values_of_row() const {
  const auto columns = static_cast<std::size_t>(values_.shape()[1]);
  return values_.values().subspan(static_cast<std::size_t>(row_ - 1) * columns, columns);
}

bool TensorRows::next(std::span<double> row) {
  if (row_ == values_.rows()) return false;
  ++row_;
  const std::span<const real> values = values_of_row();
  for (std::size_t k = 0; k < selected_.size(); ++k)
    row[k] = values[static_cast<std::size_t>(selected_[k])];
  return true;
}

std::string TensorRows::text() const { return fmt::format("{}", fmt::join(values_of_row(), ",")); }

}  // namespace gradflow
