// Files as a whole: read at once, and replaced at once.
//
// The one idea: a file is written beside its final name, under a name that no other writer has, and
// then renamed. So a half-written file never stands under the final name; who has the old one open
// goes on reading it; and of several writers one wins.
//
// Read next: safetensors.h, what is in such a file.
#pragma once

#include <filesystem>
#include <string>

namespace gradflow {

// Writes `bytes` beside `path`, forces them to the disk, then renames. Throws FileError, and leaves
// what stood there, if that is not possible.
void write_file(const std::filesystem::path& path, const std::string& bytes);
// Throws FileError if the file cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace gradflow
