#include "experiments/table/write/row_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/run/files/safetensors.h"
#include "experiments/table/write/arrays.h"
#include "experiments/table/write/output.h"

namespace gradflow {
namespace {

std::string without_gz(const std::string& path) {
  return path.ends_with(".gz") ? path.substr(0, path.size() - 3) : path;
}

class TextRows final : public RowWriter {
 public:
  TextRows(const std::string& path, std::vector<OutColumn> columns)
      : out_(path),
        columns_(std::move(columns)),
        delimiter_(without_gz(path).ends_with(".tsv") ? '\t' : ',') {
    for (const OutColumn& column : columns_) add(csv_field(column.name, delimiter_));
    end_line();
  }
  void write(std::span<const real> row) override {
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::vector<std::string>& words = columns_[c].words;
      add(words.empty() ? fmt::format("{}", row[c])
                        : csv_field(words.at(static_cast<std::size_t>(row[c])), delimiter_));
    }
    end_line();
  }
  void finish() override {
    out_.write(lines_);
    out_.finish();
  }

 private:
  void add(const std::string& field) {
    if (!lines_.empty() && lines_.back() != '\n') lines_ += delimiter_;
    lines_ += field;
  }
  void end_line() {
    constexpr std::size_t kPiece = 1 << 16;
    lines_ += '\n';
    if (lines_.size() < kPiece) return;
    out_.write(lines_);
    lines_.clear();
  }

  Output out_;
  std::vector<OutColumn> columns_;
  char delimiter_;
  std::string lines_ = {};  // that are not yet written
};

class ArrayRows final : public RowWriter {
 public:
  ArrayRows(const std::string& path, std::vector<OutColumn> columns)
      : out_(path), format_(without_gz(path)), columns_(std::move(columns)) {
    for (auto c = columns_.begin(); c != columns_.end(); ++c) {
      require<FileError>(c->words.empty(),
                         "write: {}: column \"{}\" holds words, an array numbers; hint: .csv", path,
                         c->name);
      const bool is_new = std::none_of(
          columns_.begin(), c, [&](const OutColumn& other) { return other.name == c->name; });
      require<FileError>(is_new, "write: {}: two columns are named \"{}\"", path, c->name);
    }
  }
  void write(std::span<const real> row) override {
    numbers_.insert(numbers_.end(), row.begin(), row.end());
  }
  void finish() override {
    out_.write(bytes());
    out_.finish();
  }

 private:
  Index rows() const { return std::ssize(numbers_) / std::ssize(columns_); }
  Tensor column(std::size_t c) const {
    Tensor column(Shape{rows()});
    real* out = column.mutable_data();
    for (std::size_t at = c; at < numbers_.size(); at += columns_.size()) *out++ = numbers_[at];
    return column;
  }
  std::string bytes() const {
    if (format_.ends_with(".npy"))
      return npy_bytes(Tensor({rows(), std::ssize(columns_)}, numbers_));
    std::vector<std::pair<std::string, Tensor>> arrays;
    for (std::size_t c = 0; c < columns_.size(); ++c)
      arrays.emplace_back(columns_[c].name, column(c));
    if (format_.ends_with(".npz")) return npz_bytes(arrays);
    return encode_tensors({.tensors = NamedTensors(arrays.begin(), arrays.end())});
  }

  Output out_;
  std::string format_;  // a name that ends with it
  std::vector<OutColumn> columns_;
  std::vector<real> numbers_ = {};
};

}  // namespace

bool names_arrays(const std::string& path) {
  const std::string name = without_gz(path);
  return name.ends_with(".npy") || name.ends_with(".npz") || name.ends_with(".safetensors");
}

std::unique_ptr<RowWriter> write_rows(const std::string& path, std::vector<OutColumn> columns) {
  if (names_arrays(path)) return std::make_unique<ArrayRows>(path, std::move(columns));
  return std::make_unique<TextRows>(path, std::move(columns));
}

}  // namespace gradflow
