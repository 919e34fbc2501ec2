// Named tensors in a file, in the safetensors format: what Python's `safetensors` package reads.
//
// The one idea of the format: 8 bytes with the length of a JSON header (little-endian), the header
//   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3],
//    "data_offsets": [0, 24]}, ...}
// and then the bytes of all tensors, one after another. Nothing in it can be executed.
// https://github.com/huggingface/safetensors describes it; F32 and F64 are supported here, and
// either is converted to `real` on load.
//
// A file is written beside its final name and then renamed, so that a half-written file never
// stands under that name.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "experiments/run/files/file_error.h"
#include "nn/parameters.h"

namespace gradflow {

struct TensorFile {                                  // what a file holds, by name
  std::map<std::string, Tensor> tensors = {};        // up to Shape::kMaxRank axes
  std::map<std::string, std::string> metadata = {};  // texts
};

// Writes F32 if real is float, else F64. Throws FileError, naming the file, if it cannot.
void save_tensors(const std::filesystem::path& path, const TensorFile& contents);

// Throws FileError, naming the file and what is wrong with it: not there, too short, a header that
// is not what the format says, another dtype, offsets that overlap, leave gaps or end outside.
TensorFile load_tensors(const std::filesystem::path& path);

// The same without the file system: the bytes of a file. `name` is for the error messages.
std::string encode_tensors(const TensorFile& contents);
TensorFile decode_tensors(const std::string& bytes, const std::string& name);

// Writes `bytes` beside `path`, forces them to the disk, then renames. Throws FileError.
void write_file(const std::filesystem::path& path, const std::string& bytes);
// Throws FileError if the file cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace gradflow
