// Source: bytes, one after another, wherever they come from: a file, standard input, memory, or a
// compressed source.
//
// The one idea: a reader of a format sees a function that gives the next bytes. So every format can
// be read from a pipe, within an archive, or compressed, and no reader knows which; and a file that
// is larger than memory passes through in pieces.
//
// Read next: csv.h, npy.h.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "experiments/run/files/file_error.h"

namespace gradflow {

class Source {
 public:
  // Puts up to `size` bytes at `to` and returns how many: 0 at the end alone.
  using Read = std::function<std::size_t(char* to, std::size_t size)>;
  // `name` is for messages.
  Source(std::string name, Read read) : name_(std::move(name)), read_(std::move(read)) {}

  const std::string& name() const { return name_; }
  // As many bytes as are wanted, fewer only at the end.
  std::size_t read(char* to, std::size_t size);
  // The next bytes without taking them: as many as are wanted, fewer only at the end.
  std::string_view peek(std::size_t size);
  // All that is left.
  std::string rest();

 private:
  std::string name_;
  Read read_;
  std::string ahead_ = {};  // what was peeked at, and not yet read
};

// A file, or standard input for "-". Throws FileError, as all reading does: not there, a directory.
Source open_source(const std::string& path);
Source memory_source(std::string name, std::string bytes);

// What is compressed in `source`: gzip (RFC 1952; several members one after another are one), or
// bare deflate (RFC 1951), as in a zip archive. Reading it throws FileError for damaged bytes and
// for an end that comes too early.
enum class Compression { gzip, deflate };
Source inflated(Source source, Compression compression);
// The same source, inflated if it begins as gzip does.
Source inflated_if_gzip(Source source);

}  // namespace gradflow
