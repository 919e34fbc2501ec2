// decode_tensors: either an error in one line, or tensors that come back unchanged when they are
// written and read again.
#include "experiments/run/files/safetensors.h"
#include "tensor/error.h"
#include "tests/fuzz/fuzz.h"

using namespace gradflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = text_of(data, size);
  TensorFile file;
  try {
    file = decode_tensors(bytes, "input");
  } catch (const FileError& error) {
    must(std::string_view(error.what()).starts_with("load: input: "), "an error names the file");
    return 0;
  }
  const TensorFile again = decode_tensors(encode_tensors(file), "again");
  must(again.metadata == file.metadata, "metadata comes back as it was");
  must(hash_tensors(again.tensors) == hash_tensors(file.tensors), "so do the tensors");
  return 0;
}
