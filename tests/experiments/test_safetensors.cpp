// Files of tensors: what is written can be read; files made by hand in both precisions can be read;
// and every kind of damaged file is refused with a message, never a crash or a wrong tensor.

#include "experiments/run/files/safetensors.h"

#include <sys/resource.h>
#include <sys/wait.h>
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
#include "tests/model.h"

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
      sizeof(real) == 4 ? R"({"__metadata__":{"gradflow_hash":"ba42c0e63cfa977f","k":"v"},)"
                          R"("x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})"
                        : R"({"__metadata__":{"gradflow_hash":"5e1db9eee346281e","k":"v"},)"
                          R"("x":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}})";
  CHECK(bytes.substr(8, header.size()) == header);
  CHECK(bytes.substr(8 + header.size(), header_size - header.size()).find_first_not_of(' ') ==
        std::string::npos);
  CHECK(bytes.substr(8 + header_size) == bytes_of<real>({1, 2}));
}

// FNV-1a of "k\0v\0x\0F32 2\0" and of the bytes of 1 and 2, by another program.
TEST_CASE("a hash is that of what is there, in whatever order, or the file is refused") {
  const auto file = [](const std::string& hash, const std::string& text, float second) {
    return file_of(
        R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"k":")" + text +
            R"(","gradflow_hash":")" + hash + "\"}}",
        bytes_of<float>({1, second}));
  };
  const std::string hash = "bf33b356a5b95b3a";
  CHECK(error_of(file(hash, "v", 2)) == "no error");
  CHECK(decode_tensors(file(hash, "v", 2), "").metadata ==
        std::map<std::string, std::string>{{"k", "v"}});
  const std::string refusal =
      "load: model: its numbers or texts are not those that were saved: their hash is another; "
      "hint: take another copy, or make it anew";
  CHECK(error_of(file(hash, "v", std::nextafter(2.0f, 3.0f))) == refusal);
  CHECK(error_of(file(hash, "w", 2)) == refusal);
  CHECK(error_of(file("0" + hash.substr(1), "v", 2)) == refusal);
  CHECK(error_of(file("", "v", 2)) == refusal);
  // One that is handed over is not that of the file.
  const TensorFile again = decode_tensors(
      encode_tensors({{{"x", ones({2})}}, {{"gradflow_hash", hash}, {"k", "v"}}}), "again");
  CHECK(again.metadata == std::map<std::string, std::string>{{"k", "v"}});
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
  CHECK(error_of_entry(f32 + R"("shape":[3],"data_offsets":[0,8])", 8) ==
        "load: model: tensor \"x\" has 8 bytes, which do not fit its shape");
  CHECK(contains(error_of_entry(f32 + R"("shape":[1],"data_offsets":[0,8])", 8), "do not fit"));
  CHECK(contains(error_of_entry(f32 + R"("shape":[],"data_offsets":[0,8])", 8), "do not fit"));
  CHECK(contains(error_of_entry(f32 + R"("shape":[0],"data_offsets":[0,8])", 8), "do not fit"));
  CHECK(contains(error_of_entry(f32 + R"("shape":[2],"data_offsets":[8,0])", 8),
                 "lies at bytes 8 to 0"));
}

// Two tensors, of which one is "x" of this dtype and data.
TensorFile beside_another(const std::string& dtype, const std::string& shape,
                          const std::string& data) {
  const std::string header =
      fmt::format(R"({{"good":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},)"
                  R"("x":{{"dtype":"{}","shape":{},"data_offsets":[4,{}]}}}})",
                  dtype, shape, 4 + data.size());
  return decode_tensors(file_of(header, bytes_of<float>({7}) + data), "model");
}

TEST_CASE("numbers of every dtype that real can hold are read") {
  struct Row {
    const char* dtype;
    std::string data;
    std::vector<double> numbers;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const Row rows[] = {
      {"F32", bytes_of<float>({-0.5f, 1e30f}), {-0.5, 1e30f}},
      {"F64", bytes_of<double>({-0.5, 1e30, infinity}), {-0.5, 1e30, infinity}},
      // 1, -2, the largest, the smallest normal, the smallest, the largest below normal, -0, -inf
      {"F16",
       bytes_of<std::uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x03ff, 0x8000, 0xfc00}),
       {1, -2, 65504, 0x1p-14, 0x1p-24, 0x3ffp-24, -0.0, -infinity}},
      {"BF16",
       bytes_of<std::uint16_t>({0x3f80, 0xc049, 0x7f7f, 0x0001, 0xff80}),
       {1, -3.140625, 0x1.fep127, 0x1p-133, -infinity}},
      {"I64", bytes_of<std::int64_t>({-3, 1 << 24, std::int64_t{1} << 62}), {-3, 0x1p24, 0x1p62}},
      {"U64", bytes_of<std::uint64_t>({3, std::uint64_t{1} << 63}), {3, 0x1p63}},
      {"I32",
       bytes_of<std::int32_t>({-3, std::numeric_limits<std::int32_t>::min()}),
       {-3, -0x1p31}},
      {"U32", bytes_of<std::uint32_t>({3, 1U << 31}), {3, 0x1p31}},
      {"I16", bytes_of<std::int16_t>({-32768, 32767}), {-32768, 32767}},
      {"U16", bytes_of<std::uint16_t>({0, 65535}), {0, 65535}},
      {"I8", bytes_of<std::int8_t>({-128, 127}), {-128, 127}},
      {"U8", bytes_of<std::uint8_t>({0, 255}), {0, 255}},
      {"BOOL", bytes_of<std::uint8_t>({0, 1}), {0, 1}},
  };
  for (const auto& [dtype, data, numbers] : rows) {
    CAPTURE(dtype);
    const TensorFile file = beside_another(dtype, fmt::format("[{}]", numbers.size()), data);
    const Tensor& x = file.at("x");
    REQUIRE(x.shape() == Shape{std::ssize(numbers)});
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      CHECK(x.data()[i] == static_cast<real>(numbers[i]));
      CHECK(std::signbit(x.data()[i]) == std::signbit(numbers[i]));
    }
    CHECK(file.all().size() == 2);
    // Cut short by a byte, or of one number more, it is a damaged file.
    CHECK_THROWS_AS(beside_another(dtype, fmt::format("[{}]", numbers.size() + 1), data),
                    FileError);
    CHECK_THROWS_AS(beside_another(dtype, fmt::format("[{}]", numbers.size()), data + "x"),
                    FileError);
  }
  CHECK(std::isnan(beside_another("F16", "[1]", bytes_of<std::uint16_t>({0x7e00})).at("x").item()));
  CHECK(
      std::isnan(beside_another("BF16", "[1]", bytes_of<std::uint16_t>({0x7fc0})).at("x").item()));
}

// 3.1 % of the 65 536 are NaN; of the others every one is as the definition says.
TEST_CASE("all numbers of 16 bits are what their bits say") {
  std::string data;
  for (unsigned bits = 0; bits < 65536; ++bits)
    data += bytes_of<std::uint16_t>({static_cast<std::uint16_t>(bits)});
  const Tensor half = beside_another("F16", "[65536]", data).at("x");
  const Tensor brain = beside_another("BF16", "[65536]", data).at("x");
  const auto exact = [](unsigned bits, int fraction_bits, int bias) {
    const unsigned fraction = bits & ((1U << fraction_bits) - 1);
    const unsigned exponent = (bits & 0x7fff) >> fraction_bits;
    const double f = std::ldexp(fraction, -fraction_bits);
    const double size = exponent == 0 ? std::ldexp(f, 1 - bias)
                                      : std::ldexp(1 + f, static_cast<int>(exponent) - bias);
    return bits & 0x8000 ? -size : size;
  };
  int wrong = 0, finite = 0;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const bool half_finite = (bits & 0x7c00) != 0x7c00, brain_finite = (bits & 0x7f80) != 0x7f80;
    wrong += std::isfinite(half.data()[bits]) != half_finite;
    wrong += std::isfinite(brain.data()[bits]) != brain_finite;
    if (half_finite) wrong += half.data()[bits] != static_cast<real>(exact(bits, 10, 15));
    if (brain_finite) wrong += brain.data()[bits] != static_cast<real>(exact(bits, 7, 127));
    finite += half_finite + brain_finite;
  }
  CHECK(wrong == 0);
  CHECK(finite == 2 * 65536 - 2 * 1024 - 2 * 128);
}

TEST_CASE("a tensor that cannot be had troubles only those who ask for it") {
  struct Row {
    const char *dtype, *shape;
    std::string data, reason;
  };
  std::vector<Row> rows{
      {"F8_E4M3", "[2]", "ab", "its dtype F8_E4M3 is not supported"},
      {"f32", "[1]", "abcd", "its dtype f32 is not supported"},
      {"", "[]", "", "its dtype  is not supported"},
      {"F32", "[1,1,1,1,2]", "abcdefgh", "it has 5 axes; at most 4 are supported"},
      {"I64", "[2]", bytes_of<std::int64_t>({1, (std::int64_t{1} << 53) + 1}),
       "its number 9007199254740993 is not a "},
      {"U64", "[1]", bytes_of<std::uint64_t>({~std::uint64_t{0}}),
       "its number 18446744073709551615 is not a "},
  };
  if (sizeof(real) == 4) {
    rows.push_back(
        {"F64", "[2]", bytes_of<double>({1, 1e39}), "its number 1e+39 is beyond the range of F32"});
    rows.push_back({"F64", "[1]", bytes_of<double>({-std::numeric_limits<double>::max()}),
                    "its number -1.7976931348623157e+308 is beyond the range of F32"});
    rows.push_back({"I32", "[1]", bytes_of<std::int32_t>({(1 << 24) + 1}),
                    "its number 16777217 is not a F32"});
  }
  for (const auto& [dtype, shape, data, reason] : rows) {
    CAPTURE(dtype, reason);
    const TensorFile file = beside_another(dtype, shape, data);
    CHECK(file.at("good").item() == 7);
    CHECK(file.tensors.size() == 1);
    CHECK(contains(message_of<FileError>([&] { (void)file.at("x"); }), "tensor \"x\": " + reason));
    const std::string all = message_of<FileError>([&] { (void)file.all(); });
    CHECK(contains(all, "1 of its tensors cannot be read; tensor \"x\": " + reason));
    CHECK(message_of<FileError>([&] { (void)file.at("y"); }) == "it has no tensor \"y\"");
  }
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

// Whatever the name: it is refused, or it comes back.
TEST_CASE("what is saved can be read again") {
  const auto saved = [](const NamedTensors& tensors,
                        const std::map<std::string, std::string>& texts) {
    const TensorFile file = decode_tensors(encode_tensors({tensors, texts}), "again");
    CHECK(file.metadata == texts);
    CHECK(hash_tensors(file.all()) == hash_tensors(tensors));
  };
  const auto refusal = [](const std::string& name, const std::string& key,
                          const std::string& text) {
    return message_of<FileError>([&] { encode_tensors({{{name, ones({1})}}, {{key, text}}}); });
  };
  const std::string no_text = "save: a name or a text in the metadata is not UTF-8";
  for (const char* bad : {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    CAPTURE(bad);
    CHECK(refusal(bad, "", "") == no_text);
    CHECK(refusal("", bad, "") == no_text);
    CHECK(refusal("", "", bad) == no_text);
  }
  CHECK(refusal("__metadata__", "", "") == "save: a tensor must not be named __metadata__");
  saved({{"metadata", ones({1})}, {"__metadata__.", ones({2})}, {"_", zeros({0})}},
        {{"__metadata__", "__metadata__"}, {"metadata", ""}});
  saved({{std::string("a\0b", 3), ones({1})}, {"a", ones({2})}}, {{std::string(1, '\0'), "x"}});
  Rng rng(2);
  int refused = 0;
  for (int repeat = 0; repeat < 500; ++repeat) {
    std::string name;
    for (const Index byte : rng.integers(repeat % 2 ? 256 : 128, 1 + repeat % 5))
      name += static_cast<char>(byte);
    if (refusal(name, name, name) == "no error")
      saved({{name, ones({1})}, {"other", ones({2})}}, {{name, name}});
    else
      ++refused;
  }
  CHECK(refused > 100);
  CHECK(refused < 250);
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
}

// What is done in another process. Returns its id; it ends when `body` does.
template <class Body>
pid_t in_another_process(const Body& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  return pid;
}

TEST_CASE("of several programs that save under one name, one wins") {
  const Folder folder;
  const fs::path path = folder / "model";
  constexpr int kWriters = 4, kTimes = 60;
  const auto content = [](int writer) {  // of different lengths, more than a buffer holds
    return std::string(static_cast<std::size_t>(20'000 + 5000 * writer),
                       static_cast<char>('a' + writer));
  };
  write_file(path, content(0));
  std::vector<pid_t> writers;
  for (int writer = 0; writer < kWriters; ++writer)
    writers.push_back(in_another_process([&] {
      try {
        for (int i = 0; i < kTimes; ++i) write_file(path, content(writer));
      } catch (const std::exception&) {
        ::_exit(1);
      }
    }));
  int looks = 0, mixtures = 0;
  for (std::size_t ended = 0; ended < writers.size();) {
    const std::string seen = read_file(path);
    ++looks;
    mixtures += seen.empty() || seen != content(seen[0] - 'a');
    int status = 0;
    if (::waitpid(writers[ended], &status, WNOHANG) == writers[ended]) {
      CHECK(status == 0);
      ++ended;
    }
  }
  CHECK(looks > 10);
  CHECK(mixtures == 0);
  CHECK(folder.files() == 1);
}

TEST_CASE("what a killed program has left half-written is removed by the next one that saves") {
  const Folder folder;
  const fs::path path = folder / "model";
  write_file(path, "old");
  write_file(folder / "model2", "another");
  const std::string large(50'000'000, 'x');
  for (int i = 0; i < 3; ++i) {
    const pid_t pid = in_another_process([&] {
      for (;;) write_file(path, large);
    });
    while (folder.files() < 3) ::usleep(1000);  // it is writing
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    const std::string after = read_file(path);
    CHECK((after == "old" || after == large));
  }
  // What is being written by one that lives stays; so does what only looks alike.
  std::ofstream((path.string() + ".tmp").c_str()) << "somebody's own";
  std::ofstream((path.string() + ".host.0.1.tmp").c_str()) << "of another machine";
  write_file(path, "new");
  CHECK(read_file(path) == "new");
  CHECK(folder.files() == 4);
}

TEST_CASE("a directory for drafts has a name of its own and goes with all that is in it") {
  const Folder folder;
  const fs::path path = folder / "figure";
  {
    const DraftDirectory first(path), second(path);
    CHECK(first.path() != second.path());
    CHECK(first.path().parent_path() == path.parent_path());
    write_file(first.path() / "image", "mine");
    write_file(second.path() / "image", "theirs");
    CHECK(read_file(first.path() / "image") == "mine");
    fs::rename(first.path() / "image", path);
    CHECK(folder.files() == 3);
  }
  CHECK(read_file(path) == "mine");
  CHECK(folder.files() == 1);

  const pid_t pid = in_another_process([&] {  // as a program that is killed: nothing is destroyed
    const DraftDirectory left(path);
    write_file(left.path() / "image", "half");
    ::_exit(0);
  });
  ::waitpid(pid, nullptr, 0);
  CHECK(folder.files() == 2);
  const DraftDirectory next(path);
  CHECK(folder.files() == 2);
  CHECK(fs::is_empty(next.path()));
  CHECK_THROWS_AS(DraftDirectory(folder / "nowhere" / "figure"), FileError);
}

TEST_CASE("threads may save under one name, too") {
  const Folder folder;
  const WithThreads four(4);
  parallel_for(40, [&](Index i) {
    write_file(folder / "model", std::string(static_cast<std::size_t>(1000 + i), 'a'));
  });
  CHECK(read_file(folder / "model").size() >= 1000);
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
