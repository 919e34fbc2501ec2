#include "experiments/table/read/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace gradflow {
namespace {

// A file descriptor that is closed at the end, unless it is that of standard input.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : name_(path == "-" ? "standard input" : path),
        file_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat about {};
    require<FileError>(file_ >= 0, "read: {}: {}", name_, std::strerror(errno));
    const bool directory = ::fstat(file_, &about) == 0 && S_ISDIR(about.st_mode);
    if (directory) close();
    require<FileError>(!directory, "read: {}: it is a directory", name_);
  }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  const std::string& name() const { return name_; }
  std::size_t read(char* to, std::size_t size) const {
    for (;;) {
      const ssize_t count = ::read(file_, to, size);
      if (count >= 0) return static_cast<std::size_t>(count);
      require<FileError>(errno == EINTR, "read: {}: {}", name_, std::strerror(errno));
    }
  }

 private:
  void close() {
    if (file_ > STDIN_FILENO) ::close(std::exchange(file_, -1));
  }
  std::string name_;
  int file_;
};

// One stream of zlib and what it is fed from.
class Inflater {
 public:
  Inflater(Source source, Compression compression)
      : source_(std::move(source)), gzip_(compression == Compression::gzip), input_(1 << 16) {
    constexpr int kWindow = 15, kGzipHeader = 16;  // negative: no header at all
    require<FileError>(inflateInit2(&stream_, gzip_ ? kWindow + kGzipHeader : -kWindow) == Z_OK,
                       "read: {}: zlib cannot begin", source_.name());
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::size_t read(char* to, std::size_t size) {
    constexpr std::size_t kMost = 1 << 30;  // zlib counts in 32 bits
    const auto wanted = static_cast<uInt>(std::min(size, kMost));
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = wanted;
    while (stream_.avail_out == wanted && !ended_) step();
    return wanted - stream_.avail_out;
  }

 private:
  void step() {
    if (stream_.avail_in == 0) refill();
    require<FileError>(stream_.avail_in > 0, "read: {}: the compressed data is cut short",
                       source_.name());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    require<FileError>(result == Z_OK || result == Z_STREAM_END,
                       "read: {}: the compressed data is damaged: {}", source_.name(),
                       stream_.msg ? stream_.msg : "no reason known");
    if (result != Z_STREAM_END) return;
    if (stream_.avail_in == 0) refill();
    ended_ = !gzip_ || stream_.avail_in == 0;
    if (!ended_) inflateReset(&stream_);  // the next member
  }
  void refill() {
    stream_.avail_in = static_cast<uInt>(source_.read(input_.data(), input_.size()));
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
  }

  Source source_;
  bool gzip_;
  std::vector<char> input_;
  z_stream stream_ = {};
  bool ended_ = false;
};

}  // namespace

std::size_t Source::read(char* to, std::size_t size) {
  const std::size_t kept = std::min(size, ahead_.size());
  std::copy_n(ahead_.data(), kept, to);
  ahead_.erase(0, kept);
  std::size_t count = kept;
  while (count < size) {
    const std::size_t more = read_(to + count, size - count);
    if (more == 0) break;
    count += more;
  }
  return count;
}

std::string_view Source::peek(std::size_t size) {
  if (ahead_.size() < size) {
    std::string bytes(size, '\0');
    bytes.resize(read(bytes.data(), size));
    ahead_ = std::move(bytes);
  }
  return std::string_view(ahead_).substr(0, size);
}

std::string Source::rest() {
  std::string bytes(1 << 12, '\0');
  std::size_t size = 0;  // of what has been read
  while ((size += read(bytes.data() + size, bytes.size() - size)) == bytes.size())
    bytes.resize(size + std::min<std::size_t>(size, 1 << 20));
  bytes.resize(size);
  return bytes;
}

Source open_source(const std::string& path) {
  const auto file = std::make_shared<Descriptor>(path);
  return {file->name(), [file](char* to, std::size_t size) { return file->read(to, size); }};
}

Source memory_source(std::string name, std::string bytes) {
  return {std::move(name),
          [bytes = std::move(bytes), at = std::size_t{0}](char* to, std::size_t size) mutable {
            const std::size_t count = std::min(size, bytes.size() - at);
            std::copy_n(bytes.data() + at, count, to);
            at += count;
            return count;
          }};
}

Source inflated(Source source, Compression compression) {
  const std::string name = source.name();
  const auto inflater = std::make_shared<Inflater>(std::move(source), compression);
  return {name, [inflater](char* to, std::size_t size) { return inflater->read(to, size); }};
}

Source inflated_if_gzip(Source source) {
  return source.peek(2) == "\x1f\x8b" ? inflated(std::move(source), Compression::gzip)
                                      : std::move(source);
}

}  // namespace gradflow
