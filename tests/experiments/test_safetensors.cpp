// Files of tensors: what is written can be read; files made by hand in both precisions can be read;
// and every kind of damaged file is refused with a message, never a crash or a wrong tensor.

#include "experiments/run/files/safetensors.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

// A directory for one test, removed afterwards.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "gradflow-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path operator/(const std::string& name) const { return path_ / name; }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
  }

 private:
  fs::path path_;
};

template <class T>
std::string bytes_of(std::initializer_list<T> numbers) {
  return {reinterpret_cast<const char*>(numbers.begin()), numbers.size() * sizeof(T)};
}

// A file from its header and its data; `announced` is the length that stands before the header.
std::string file_of(const std::string& header, const std::string& data, std::uint64_t announced) {
  return bytes_of({announced}) + header + data;
}
std::string file_of(const std::string& header, const std::string& data) {
  return file_of(header, data, header.size());
}

std::string error_of(const std::string& bytes) {
  return message_of<FileError>([&] { decode_tensors(bytes, "model"); });
}

TEST_CASE("a file keeps tensors and metadata") {
  const Folder folder;
  const fs::path path = folder / "model.safetensors";
  const TensorFile saved{{{"weight", Rng(1).normal({5, 3})},
                          {"bias", Tensor({3}, {0, real(-0.0), real(1e-30)})},
                          {"scalar", Tensor::scalar(7)},
                          {"empty", zeros({0, 3})},
                          {"rank 4", Rng(2).normal({2, 1, 3, 2})},
                          {"view", Rng(3).normal({5, 3}).rows(1, 4)},
                          {"odd \"name\"\\ \n\t\x01 \u00e4\u6f22\U0001f600", ones({1})},
                          {"", ones({2})},
                          {"not finite", Tensor({2}, {std::numeric_limits<real>::infinity(),
                                                      std::numeric_limits<real>::quiet_NaN()})}},
                         {{"plain", "text"},
                          {"", ""},
                          {"quotes \"\\\"", "lines\n\r\n\ttabs \b\f and / \x01\x1f"},
                          {"unicode \u00e4", "\u03b1 \u6f22\u5b57 \U0001f600"}}};
  save_tensors(path, saved);
  const TensorFile loaded = load_tensors(path);
  CHECK(loaded.metadata == saved.metadata);
  CHECK(loaded.tensors.size() == saved.tensors.size());
  for (const auto& [name, x] : saved.tensors) {
    CAPTURE(name);
    REQUIRE(loaded.tensors.count(name) == 1);
    CHECK(difference(loaded.tensors.at(name), x) == "");
  }
  CHECK(std::signbit(loaded.tensors.at("bias").at({1})));  // -0 is not 0
  CHECK(folder.files() == 1);                              // no temporary file is left
}

TEST_CASE("a file without tensors") {
  const TensorFile loaded = decode_tensors(encode_tensors({}), "none");
  CHECK(loaded.tensors.empty());
  CHECK(loaded.metadata.empty());
  CHECK(decode_tensors(file_of("{}", ""), "none").tensors.empty());
}

TEST_CASE("the layout is that of the format") {
  const std::string bytes = encode_tensors({{{"x", Tensor({{1, 2}})}}, {{"k", "v"}}});
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  CHECK(header_size % 8 == 0);  // the numbers are aligned
  const std::string header =
      sizeof(real) == 4
          ? R"({"__metadata__":{"k":"v"},"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})"
          : R"({"__metadata__":{"k":"v"},"x":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}})";
  CHECK(bytes.substr(8, header.size()) == header);
  CHECK(bytes.substr(8 + header.size(), header_size - header.size()).find_first_not_of(' ') ==
        std::string::npos);
  CHECK(bytes.substr(8 + header_size) == bytes_of<real>({1, 2}));
}

TEST_CASE("both precisions are read and converted") {
  const std::string header =
      R"( { "f" : {"dtype":"F32", "shape":[3], "data_offsets":[0,12]},)"
      "\n\t"
      R"("d":{"shape":[2,1],"data_offsets":[12,28],"dtype":"F64"}, "s":{"dtype":"F64","shape":[],)"
      R"("data_offsets":[28,36]},"__metadata__":{"\u00e4\ud83d\ude00\n\/":"\"\\\b\f\r\t"} } )";
  const std::string data =
      bytes_of<float>({0.1f, -2, 1e30f}) + bytes_of<double>({0.1, -3}) + bytes_of<double>({0.7});
  const TensorFile file = decode_tensors(file_of(header, data), "both");
  CHECK(difference(file.tensors.at("f"), Tensor({3}, {0.1f, -2, 1e30f})) == "");
  CHECK(difference(file.tensors.at("d"), Tensor({2, 1}, {real(0.1), -3})) == "");
  CHECK(difference(file.tensors.at("s"), Tensor::scalar(real(0.7))) == "");
  CHECK(file.metadata.at("\u00e4\U0001f600\n/") == "\"\\\b\f\r\t");
}

// One tensor "x" with these three entries and this many bytes of data.
std::string error_of_entry(const std::string& entry, std::size_t size) {
  return error_of(file_of("{\"x\":{" + entry + "}}", std::string(size, 'd')));
}

TEST_CASE("files that are too short") {
  CHECK(error_of("") == "load: model: 0 bytes; at least 8 are required");
  CHECK(error_of(std::string(7, 'x')) == "load: model: 7 bytes; at least 8 are required");
  CHECK(error_of(file_of("{}", "", 3)) ==
        "load: model: a header of 3 bytes announced in a file of 10; not a safetensors file, or "
        "cut short");
  for (const std::uint64_t announced :
       {std::uint64_t{1} << 32, ~std::uint64_t{0}, ~std::uint64_t{7}})
    CHECK(contains(error_of(file_of("{}", "", announced)), "announced in a file of 10"));

  // A good file cut anywhere is refused.
  const std::string good = encode_tensors({{{"a", ones({2, 3})}, {"b", ones({4})}}, {{"k", "v"}}});
  REQUIRE(decode_tensors(good, "good").tensors.size() == 2);
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK(contains(error_of(good.substr(0, size)), "load: model: "));
  CHECK(contains(error_of(good + "x"), "its tensors end at byte"));
}

TEST_CASE("tensors that do not lie one after another") {
  const auto two = [](const char* a, const char* b, std::size_t size) {
    return error_of(file_of(fmt::format(R"({{"a":{{"dtype":"F32","shape":[1],"data_offsets":{}}},)"
                                        R"("b":{{"dtype":"F32","shape":[1],"data_offsets":{}}}}})",
                                        a, b),
                            std::string(size, 'd')));
  };
  CHECK(two("[0,4]", "[4,8]", 8) == "no error");
  CHECK(two("[4,8]", "[0,4]", 8) == "no error");  // the order in the header is free
  CHECK(two("[0,4]", "[0,4]", 4) ==
        "load: model: tensor \"b\" begins at byte 0, the one before ends at 4");
  CHECK(contains(two("[0,4]", "[2,6]", 6), "begins at byte 2, the one before ends at 4"));
  CHECK(contains(two("[0,4]", "[5,9]", 9), "begins at byte 5, the one before ends at 4"));
  CHECK(contains(two("[1,5]", "[5,9]", 9), "begins at byte 1, the one before ends at 0"));
  CHECK(two("[0,4]", "[4,8]", 9) == "load: model: its tensors end at byte 8 of 9");
  CHECK(two("[0,4]", "[4,8]", 7) ==
        "load: model: tensor \"b\" lies at bytes 4 to 8; the file holds 7");
}

TEST_CASE("entries that are wrong in themselves") {
  const std::string f32 = R"("dtype":"F32",)";
  CHECK(error_of_entry(f32 + R"("shape":[2],"data_offsets":[0,8])", 8) == "no error");
  CHECK(error_of_entry(R"("dtype":"I64","shape":[1],"data_offsets":[0,8])", 8) ==
        "load: model: tensor \"x\" is of dtype I64; F32 or F64 is required");
  CHECK(contains(error_of_entry(R"("dtype":"f32","shape":[2],"data_offsets":[0,8])", 8), "dtype"));
  CHECK(error_of_entry(f32 + R"("shape":[3],"data_offsets":[0,8])", 8) ==
        "load: model: tensor \"x\" has 8 bytes, which do not fit its shape");
  CHECK(contains(error_of_entry(f32 + R"("shape":[1],"data_offsets":[0,8])", 8), "do not fit"));
  CHECK(contains(error_of_entry(f32 + R"("shape":[],"data_offsets":[0,8])", 8), "do not fit"));
  CHECK(contains(error_of_entry(f32 + R"("shape":[0],"data_offsets":[0,8])", 8), "do not fit"));
  CHECK(contains(error_of_entry(f32 + R"("shape":[2],"data_offsets":[8,0])", 8),
                 "lies at bytes 8 to 0"));
  CHECK(error_of_entry(f32 + R"("shape":[1,1,1,1,2],"data_offsets":[0,8])", 8) ==
        "load: model: tensor \"x\" has 5 axes; at most 4 are supported");
}

// Numbers chosen so that a product or a sum of them, taken modulo 2^64, fits the file.
TEST_CASE("sizes that overflow") {
  const std::string f32 = R"("dtype":"F32",)";
  // 2^62 * 4 bytes is 0 modulo 2^64, and so is 2^32 * 2^32.
  for (const char* shape : {"[4611686018427387904]", "[4294967296,4294967296]",
                            "[2147483648,2147483648,2]", "[4611686018427387904,4]"})
    for (const std::size_t size : {0u, 8u}) {
      CAPTURE(shape, size);
      const std::string entry =
          fmt::format(R"({}"shape":{},"data_offsets":[0,{}])", f32, shape, size);
      CHECK(contains(error_of_entry(entry, size), "do not fit"));
    }
  // 2^64 + 2 must not be read as 2, nor 2^64 + 8 as 8.
  CHECK(contains(error_of_entry(f32 + R"("shape":[18446744073709551618],"data_offsets":[0,8])", 8),
                 "the numbers of tensor \"x\" must be whole, from 0 to 2^62"));
  CHECK(contains(error_of_entry(f32 + R"("shape":[2],"data_offsets":[0,18446744073709551624])", 8),
                 "the numbers of tensor \"x\" must be whole, from 0 to 2^62"));
  CHECK(
      contains(error_of_entry(f32 + R"("shape":[2],"data_offsets":[0,99999999999999999999999])", 8),
               "the numbers of tensor \"x\" must be whole, from 0 to 2^62"));
  // No elements, yet a product of sizes that no number holds.
  const std::string empty =
      R"("shape":[4611686018427387904,4611686018427387904,0],"data_offsets":[0,0])";
  CHECK(contains(error_of_entry(f32 + empty, 0), "do not fit"));
}

TEST_CASE("headers that are not what the format says") {
  const auto header = [](const std::string& text) { return error_of(file_of(text, "")); };
  CHECK(
      header("") ==
      "load: model: its header is not as the format says: parse error at line 1, column 1: syntax "
      "error while parsing value - unexpected end of input; expected '[', '{', or a literal");
  struct Row {
    const char* text;
    const char* error;
  };
  const char* const no_json = "its header is not as the format says: parse error at line 1";
  const char* const no_object = "its header is not a JSON object";
  const char* const keys =
      "tensor \"a\" must have a dtype, a shape and two data_offsets, nothing else";
  const char* const numbers = "the numbers of tensor \"a\" must be whole, from 0 to 2^62";
  const Row rows[] = {
      {"[]", no_object},
      {"null", no_object},
      {"1", no_object},
      {"{", no_json},
      {"}", no_json},
      {"{]", no_json},
      {"{\"a\"}", no_json},
      {"{\"a\":}", no_json},
      {"{\"a\":1}", "cannot use at() with number"},
      {"{\"a\":[]}", "cannot use at() with array"},
      {"{\"a\":{}}", "key 'data_offsets' not found"},
      {"{\"a\":{},}", no_json},
      {"{,}", no_json},
      {"{}{}", no_json},
      {"{} x", no_json},
      {"{\"a", no_json},
      {"{\"a\\", no_json},
      {"{\"\\u12", no_json},
      {"{\"\\q\":{}}", no_json},
      {"{\"\\ud800\":{}}", no_json},
      {"{\"\\udc00\":{}}", no_json},
      {"{\"\\ud800\\u0041\":{}}", no_json},
      {"{\"\\u12g4\":{}}", no_json},
      {"{\"tab\there\":{}}", no_json},
      {"{\"\xff\":{}}", no_json},  // not UTF-8
      {"{'a':{}}", no_json},
      {"\xef\xbb\xbf{}", "its header is not plain JSON text"},  // a byte order mark
      {"{}/**/", no_json},
      {"{\"__metadata__\":1}", "type must be object, but is number"},
      {"{\"__metadata__\":{\"k\":1}}", "type must be string, but is number"},
      {"{\"__metadata__\":{\"k\":{}}}", "type must be string, but is object"},
      {"{\"__metadata__\":null}", "type must be object, but is null"},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0]}}", keys},
      {"{\"a\":{\"shape\":[0],\"data_offsets\":[0,0],\"more\":1}}", "key 'dtype' not found"},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0],\"more\":1}}", "key 'shape' not found"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0]}}", keys},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0,0]}}", keys},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,0]}}", numbers},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-0],\"data_offsets\":[0,0]}}", numbers},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0.0],\"data_offsets\":[0,0]}}", numbers},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0e0],\"data_offsets\":[0,0]}}", numbers},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[true],\"data_offsets\":[0,0]}}", numbers},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[[]],\"data_offsets\":[0,0]}}", numbers},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,0]}}",
       numbers},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1e999],\"data_offsets\":[0,0]}}",
       "its header is not as the format says: number overflow parsing '1e999'"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,],\"data_offsets\":[0,0]}}", no_json},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"0\"],\"data_offsets\":[0,0]}}", numbers},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":0,\"data_offsets\":[0,0]}}",
       "type must be array, but is number"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,0]}}",
       "type must be array, but is object"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":null,\"data_offsets\":[0,0]}}",
       "type must be array, but is null"},
      {"{\"a\":{\"dtype\":4,\"shape\":[0],\"data_offsets\":[0,0]}}",
       "type must be string, but is number"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0],\"more\":1}}", keys}};
  for (const auto& [text, error] : rows) {
    CAPTURE(text);
    const std::string message = header(text);
    CHECK(contains(message, "load: model: "));
    CHECK(contains(message, error));
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK(contains(error_of(file_of(std::string("{\"a\0\":{}}", 9), "")), "not plain JSON text"));
  CHECK(contains(error_of(file_of(std::string("{}\0 more", 8), "")), "not plain JSON text"));
  CHECK(header("{\"" + std::string(1'000'000, 'a')).size() < 300);  // a message stays readable
}

TEST_CASE("duplicate keys") {
  const std::string x = R"("x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  const std::string y = R"("y":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  CHECK(error_of(file_of("{" + x + "," + y + "}", "")) == "no error");
  CHECK(error_of(file_of("{" + x + "," + y + "," + x + "}", "")) ==
        "load: model: key \"x\" is in its header more than once");
  CHECK(contains(error_of(file_of(R"({"__metadata__":{"k":"a","k":"b"}})", "")),
                 "key \"k\" is in its header more than once"));
  CHECK(contains(error_of(file_of(R"({"__metadata__":{},"__metadata__":{}})", "")),
                 "key \"__metadata__\" is in its header more than once"));
  CHECK(contains(error_of_entry(R"("dtype":"F32","dtype":"F32","shape":[0])", 0),
                 "key \"dtype\" is in its header more than once"));
}

// A reader that calls itself for each bracket would use up the stack.
TEST_CASE("a million brackets") {
  for (const char* piece : {"[", "{\"a\":", "{\"__metadata__\":{\"k\":"}) {
    std::string header;
    while (header.size() < 1'000'000) header += piece;
    CHECK(error_of(file_of(header, "")) == "load: model: its header is nested more than 3 deep");
  }
  CHECK(contains(error_of(file_of(std::string(1'000'000, '{'), "")), "parse error at line 1"));
}

TEST_CASE("names that JSON cannot hold") {
  CHECK(message_of<FileError>([] {
          encode_tensors({{{"\xff", ones({1})}}, {}});
        }) == "save: a name or a text in the metadata is not UTF-8");
}

TEST_CASE("damage anywhere in a file gives an error or some tensor but nothing worse") {
  const std::string good = encode_tensors({{{"a", ones({2, 3})}, {"b", ones({4})}}, {{"k", "v"}}});
  Rng rng(1);
  int refused = 0;
  for (int repeat = 0; repeat < 2000; ++repeat) {
    std::string bad = good;
    for (const Index at : rng.integers(std::ssize(good), 3))
      bad[static_cast<std::size_t>(at)] = static_cast<char>(rng.integers(256, 1)[0]);
    const std::string error = error_of(bad);  // the sanitizers see what reads too far
    REQUIRE((error == "no error" || contains(error, "load: model: ")));
    refused += error != "no error";
  }
  CHECK(refused > 1000);  // most of the file is header
}

TEST_CASE("what is not a file") {
  const Folder folder;
  const auto error = [](const fs::path& path) {
    return message_of<FileError>([&] { load_tensors(path); });
  };
  const std::string missing = (folder / "missing").string();
  CHECK(error(missing) == "load: " + missing + ": not there");
  fs::create_directory(folder / "directory");
  const std::string directory = (folder / "directory").string();
  CHECK(error(directory) == "load: " + directory + ": not a file");
  CHECK(contains(error("/dev/null"), "not a file"));
  std::ofstream((folder / "empty").string()).close();
  CHECK(contains(error(folder / "empty"), "0 bytes; at least 8 are required"));
}

TEST_CASE("a file that cannot be written leaves nothing behind") {
  const Folder folder;
  const auto error = [](const fs::path& path) {
    return message_of<FileError>([&] { write_file(path, "new"); });
  };
  const std::string nowhere = (folder / "missing/model").string();
  CHECK(error(nowhere) ==
        "save: " + nowhere + ": cannot create the file: No such file or directory");

  fs::create_directory(folder / "directory");
  write_file(folder / "directory/file", "old");
  CHECK(contains(error(folder / "directory/file/model"), "cannot create the file"));
  CHECK(contains(error(folder / "directory"), "cannot rename the finished file"));
  CHECK(read_file(folder / "directory/file") == "old");
  CHECK(folder.files() == 1);

  if (::geteuid() != 0) {  // root may write anywhere
    fs::permissions(folder / "directory", fs::perms::owner_read | fs::perms::owner_exec);
    CHECK(contains(error(folder / "directory/model"), "cannot create the file: Permission denied"));
    CHECK(contains(error(folder / "directory/file"), "cannot create the file: Permission denied"));
    CHECK(read_file(folder / "directory/file") == "old");
    fs::permissions(folder / "directory", fs::perms::owner_all);
  }
}

// A full disk, as seen by write(): the system refuses to make a file longer than this.
TEST_CASE("a disk that is full leaves the old file whole") {
  const Folder folder;
  const fs::path path = folder / "model";
  write_file(path, "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string error =
      message_of<FileError>([&] { write_file(path, std::string(5000, 'n')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  CHECK(contains(error, "save: " + path.string() + ": cannot write all of it: "));
  CHECK(read_file(path) == "old");
  CHECK(folder.files() == 1);
}

// Who has the old file open goes on reading it: it was replaced, not written over.
TEST_CASE("a file is replaced as a whole") {
  const Folder folder;
  const fs::path path = folder / "model";
  write_file(path, "old content");
  std::ifstream reader(path);
  write_file(path, "new");
  CHECK(read_file(path) == "new");
  std::string seen;
  std::getline(reader, seen);
  CHECK(seen == "old content");
  CHECK(folder.files() == 1);

  // What an earlier, interrupted run has left under the temporary name does not matter.
  std::ofstream((path.string() + ".tmp").c_str()) << "half a file that is longer than the new one";
  write_file(path, "newer");
  CHECK(read_file(path) == "newer");
  CHECK(folder.files() == 1);
}

TEST_CASE("a hash sees names and shapes and every bit") {
  const std::map<std::string, Tensor> tensors{{"a", ones({2, 3})}, {"b", zeros({2})}};
  const std::string hash = hash_tensors(tensors);
  CHECK(hash.size() == 16);
  CHECK(hash.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(hash_tensors(tensors) == hash);
  CHECK(hash_tensors({{"a", ones({2, 3})}, {"c", zeros({2})}}) != hash);
  CHECK(hash_tensors({{"a", ones({3, 2})}, {"b", zeros({2})}}) != hash);
  CHECK(hash_tensors({{"a", ones({2, 3})}, {"b", Tensor({2}, {0, real(-0.0)})}}) != hash);
  CHECK(hash_tensors({{"a", ones({2, 3})}}) != hash);
  CHECK(hash_tensors({}) == "cbf29ce484222325");  // FNV-1a of nothing
}

}  // namespace
}  // namespace gradflow
