// Named tensors in a file, in the safetensors format: what Python's `safetensors` package reads.
//
// The one idea of the format: 8 bytes with the length of a JSON header (little-endian), the header
//   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3],
//    "data_offsets": [0, 24]}, ...}
// and then the bytes of all tensors, one after another. Nothing in it can be executed.
// https://github.com/huggingface/safetensors describes it. Written is what `real` is, F32 or F64;
// read are all floating-point numbers from 16 bits on and all whole ones, converted to `real`.
//
// Beside its texts a file that we write has a hash of all its texts and tensors, "gradflow_hash".
// Where it is read it must be that of what is there: not one number, of weights, units or classes,
// can become another unseen. Files without one, of older versions or from elsewhere, are believed.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "experiments/run/files/file.h"
#include "experiments/run/files/file_error.h"
#include "nn/parameters.h"

namespace gradflow {

struct TensorFile {                                  // what a file holds, by name
  NamedTensors tensors = {};                         // up to Shape::kMaxRank axes
  std::map<std::string, std::string> metadata = {};  // texts
  // The tensors that cannot be had, and why: another dtype, too many axes, a number that `real`
  // does not hold. Of no concern to those who do not ask for them.
  std::map<std::string, std::string> unreadable = {};

  // Throw FileError, with the reason, if one of them cannot be had, or that one.
  const NamedTensors& all() const;
  const Tensor& at(const std::string& name) const;
};

// Throws FileError, naming the file, if it cannot be written, or would not be read again: a name
// that is not UTF-8, or the one that the format keeps for the metadata.
void save_tensors(const std::filesystem::path& path, const TensorFile& contents);

// Throws FileError, naming the file and what is wrong with it: not there, too short, a header that
// is not what the format says, offsets that overlap, leave gaps or end outside; or another hash.
TensorFile load_tensors(const std::filesystem::path& path);

// The same without the file system: the bytes of a file. `name` is for the error messages.
std::string encode_tensors(const TensorFile& contents);
TensorFile decode_tensors(const std::string& bytes, const std::string& name);

}  // namespace gradflow
