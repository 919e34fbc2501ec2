#include "experiments/table/write/output.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "experiments/run/files/file_error.h"

namespace gradflow {
namespace {

// A pipe or a device: what is there and no file.
bool is_stream(const std::string& path) {
  std::error_code none;  // of what cannot be looked at, opening it will say why
  const auto status = std::filesystem::status(path, none);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
}

}  // namespace

// gzip (RFC 1952), piece by piece.
class Deflater {
 public:
  Deflater() {
    constexpr int kGzip = 15 + 16,
                  kMemory = 8;  // zlib's words for a window of 32 KB, with a header
    const int result = deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, kMemory,
                                    Z_DEFAULT_STRATEGY);
    require<FileError>(result == Z_OK, "write: no memory to compress");
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // What has become of these bytes so far; with the last ones, all that is left.
  std::string packed(const std::string& bytes, bool last) {
    std::string all, piece(1 << 16, '\0');
    // zlib takes no const; it writes nothing there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream_.avail_out = static_cast<uInt>(piece.size());
      deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      all.append(piece, 0, piece.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return all;
  }

 private:
  z_stream stream_ = {};
};

Output::Output(const std::string& path) : name_(path == "-" ? "standard output" : path) {
  if (path.ends_with(".gz")) compressed_ = std::make_unique<Deflater>();
  if (path == "-") {
    stream_ = stdout;
  } else if (is_stream(path)) {
    stream_ = std::fopen(path.c_str(), "wbe");
    if (!stream_) fail();
  } else {
    file_.emplace(path);
  }
}

Output::~Output() {
  if (stream_ && stream_ != stdout) std::fclose(stream_);
}

void Output::write(const std::string& bytes) {
  constexpr std::size_t kMost = 1 << 30;  // zlib counts in 32 bits
  if (!compressed_) return write_plain(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += kMost)
    write_plain(compressed_->packed(bytes.substr(at, kMost), false));
}

void Output::write_plain(const std::string& bytes) {
  if (file_)
    file_->write(bytes);
  else if (std::fwrite(bytes.data(), 1, bytes.size(), stream_) != bytes.size())
    fail();
}

void Output::finish() {
  if (compressed_) write_plain(compressed_->packed({}, true));
  if (file_)
    file_->finish();
  else if (std::fflush(stream_) != 0)
    fail();
}

void Output::fail() const {
  throw FileError(fmt::format("write: {}: {}", name_, std::strerror(errno)));
}

std::string csv_field(const std::string& name, char delimiter) {
  if (name.find_first_of("\",;\t\n ") == name.npos && name.find(delimiter) == name.npos)
    return name;
  std::string doubled;
  for (const char c : name) doubled += c == '"' ? "\"\"" : std::string(1, c);
  return '"' + doubled + '"';
}

}  // namespace gradflow
