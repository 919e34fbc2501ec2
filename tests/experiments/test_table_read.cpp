// Tables as they are found in the world: what is read of them, and what is said of those that
// cannot be read.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <cstring>

#include "experiments/run/files/safetensors.h"
#include "experiments/run/shell.h"
#include "experiments/table/read/csv.h"
#include "experiments/table/read/npy.h"
#include "experiments/table/table.h"
#include "experiments/table/write/arrays.h"
#include "experiments/table/write/row_writer.h"
#include "tensor/random.h"
#include "tests/catch.h"

namespace gradflow {
namespace {

Table read(const std::string& bytes, const ReadOptions& options = {}) {
  return read_table(memory_source("t", bytes), options);
}

// Names, then rows, in short: "a b | 1 2 | 3 4".
std::string as_text(const Table& table) {
  std::string text = fmt::format("{}", fmt::join(table.names, " "));
  for (Index i = 0; i < table.rows(); ++i) {
    text += " |";
    for (Index c = 0; c < table.columns(); ++c)
      text += fmt::format(" {:g}", table.values.at({i, c}));
  }
  return text;
}

std::string error_of(const std::string& bytes, const ReadOptions& options = {}) {
  try {
    read(bytes, options);
  } catch (const FileError& error) {
    return error.what();
  }
  return "nothing is wrong";
}

std::string gzip(const std::string& bytes, int window = 15 + 16) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, bytes.size()) + 64, '\0');
  std::string copy = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

template <class Number>
std::string bytes_of(const std::vector<Number>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string text = std::string(kNpyMagic) + version + '\0';
  const auto length = static_cast<std::uint32_t>(header.size());
  text.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
  return text + header + data;
}

std::string header(const std::string& descr, const std::string& shape, bool fortran = false) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr,
                     fortran ? "True" : "False", shape);
}

// A zip file by the book: members, directory, end. The last byte of each name tells the method.
struct Packed {
  std::string name, bytes;
  bool deflated = false;
};
std::string zip(const std::vector<Packed>& members) {
  const auto number = [](std::uint64_t value, std::size_t width) {
    return std::string(reinterpret_cast<const char*>(&value), width);
  };
  std::string file, directory;
  for (const auto& [name, bytes, deflated] : members) {
    const std::string packed = deflated ? gzip(bytes, -15) : bytes;
    const auto sum =
        crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    const std::string about = number(20, 2) + number(0, 2) + number(deflated ? 8 : 0, 2) +
                              number(0, 4) + number(sum, 4) + number(packed.size(), 4) +
                              number(bytes.size(), 4) + number(name.size(), 2) + number(0, 2);
    directory += "PK\x01\x02" + number(20, 2) + about + number(0, 2 + 2 + 2) + number(0, 4) +
                 number(file.size(), 4) + name;
    file += "PK\x03\x04" + about + name + packed;
  }
  const std::string end = "PK\x05\x06" + number(0, 4) + number(members.size(), 2) +
                          number(members.size(), 2) + number(directory.size(), 4) +
                          number(file.size(), 4) + number(0, 2);
  return file + directory + end;
}

const std::string kTwo = npy(header("<f8", "(2, 2)"), bytes_of<double>({1, 2, 3, 4}));

}  // namespace

TEST_CASE("A table as text: delimiters, names, quotes, line ends, numbers of all kinds",
          "[table]") {
  struct Row {
    const char* what;
    std::string bytes, read;
  };
  const Row rows[] = {
      {"commas and names", "a,b\n1,2\n3,4\n", "a b | 1 2 | 3 4"},
      {"no names", "1,2\n3,4\n", "x1 x2 | 1 2 | 3 4"},
      {"no line end at the end", "a,b\n1,2\n3,4", "a b | 1 2 | 3 4"},
      {"semicolons", "a;b\n1;2\n", "a b | 1 2"},
      {"tabs", "a\tb c\n1\t2\n", "a b c | 1 2"},
      {"blanks", "  a  b\n 1   2\n3 4  \n", "a b | 1 2 | 3 4"},
      {"blanks and tabs behind a line of blanks", "1  2\n3\t4\n", "x1 x2 | 1 2 | 3 4"},
      {"numpy.savetxt", "# a b\n1.0e+00 2.0e+00\n", "a b | 1 2"},
      {"a comment and names", "# made by me\n# on a day\na,b\n1,2\n", "a b | 1 2"},
      {"a comment and no names", "# made by me\n1,2\n", "x1 x2 | 1 2"},
      {"a comment, then numpy.savetxt", "# made by me\n#a b\n1 2\n", "a b | 1 2"},
      {"nothing but a comment", "#a\n", "a"},
      {"a column without a name", ",b\n1,2\n", "x1 b | 1 2"},
      {"one column", "a\n1\n2\n", "a | 1 | 2"},
      {"Windows", "a,b\r\n1,2\r\n", "a b | 1 2"},
      {"a byte order mark",
       "\xef\xbb\xbf"
       "a,b\n1,2\n",
       "a b | 1 2"},
      {"empty lines", "\na,b\n\n1,2\n  \n3,4\n\n", "a b | 1 2 | 3 4"},
      {"quotes", "\"a, of \"\"b\"\"\",\"c\nd\"\n\"1\", \"2\" \n", "a, of \"b\" c\nd | 1 2"},
      {"signs, exponents, blanks", "a,b,c,d\n +1.5e-3 ,-2E2,.5,5.\n",
       "a b c d | 0.0015 -200 0.5 5"},
      {"names that are words and numbers", "a,2\n1,2\n", "a 2 | 1 2"},
      {"names from elsewhere", "größe,мера\n1,2\n", "größe мера | 1 2"},
      {"a number too small for anything", "a\n1e-999\n", "a | 0"},
      {"only names", "a,b\n", "a b"},
      {"gzip", gzip("a,b\n1,2\n"), "a b | 1 2"},
      {"two members of gzip", gzip("a,b\n1,") + gzip("2\n"), "a b | 1 2"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(as_text(read(row.bytes)) == row.read);
  }
}

TEST_CASE("Lines and fields may lie across the pieces in which bytes arrive", "[table]") {
  const std::string bytes = "a,\"b\nc\"\r\n1,2\r\n\"3\",4\r\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    INFO("pieces of " << piece);
    const Source source("t", [&, at = std::size_t{0}](char* to, std::size_t size) mutable {
      const std::size_t count = std::min({size, piece, bytes.size() - at});
      std::copy_n(bytes.data() + at, count, to);
      at += count;
      return count;
    });
    CHECK(as_text(read_table(source)) == "a b\nc | 1 2 | 3 4");
  }
}

TEST_CASE("A large table as text, and one wide line", "[table][slow]") {
  std::string bytes = "a,b,c\n";
  for (int i = 0; i < 200'000; ++i) bytes += fmt::format("{},{},{}\n", i, 2 * i, i % 7);
  const Table table = read(bytes);
  REQUIRE(table.rows() == 200'000);
  bool right = true;
  for (Index i = 0; i < table.rows(); ++i)
    right &= table.values.at({i, 0}) == static_cast<real>(i) &&
             table.values.at({i, 1}) == static_cast<real>(2 * i) &&
             table.values.at({i, 2}) == static_cast<real>(i % 7);
  CHECK(right);
  std::string wide;
  for (int line = 0; line < 3; ++line)
    for (int i = 0; i < 400'000; ++i) wide += fmt::format("{}{}", i, i + 1 < 400'000 ? ',' : '\n');
  const Table of_wide = read(wide);
  CHECK(of_wide.values.shape() == Shape{3, 400'000});
  CHECK(of_wide.values.at({2, 399'999}) == 399'999);
}

TEST_CASE("Columns are chosen by name, in any order, and the others may hold anything", "[table]") {
  const std::string bytes = "a,who,b,c\n1,Ada,2,\n3,\"Grace, H.\",4,x\n";
  CHECK(as_text(read(bytes, {.columns = {"b", "a"}})) == "b a | 2 1 | 4 3");
  CHECK(as_text(read(bytes, {.except = {"who", "c"}})) == "a b | 1 2 | 3 4");
}

TEST_CASE("Rows in which something is missing are refused, or left out and counted", "[table]") {
  for (const char* missing : {"", " ", "NA", "n/a", "nan", "NaN", "-nan", "NULL", "None", "?", "-",
                              "inf", "-Infinity", "1e39", "\"\""}) {
    INFO(missing);
    const std::string bytes = fmt::format("a,b\n1,2\n3,{}\n5,6\n", missing);
    CHECK(contains(error_of(bytes), "row 2 (line 3), column \"b\": it is "));
    CHECK(contains(error_of(bytes), "--missing drop"));
    const Table table = read(bytes, {.missing = Missing::drop});
    CHECK(as_text(table) == "a b | 1 2 | 5 6");
    CHECK(table.dropped == 1);
  }
  // A word is not missing: its row is not left out.
  const ReadOptions drop{.missing = Missing::drop};
  CHECK(contains(error_of("a,b\n1,2\nx,\n", drop),
                 "row 2 (line 3), column \"a\": \"x\" is no number"));
  CHECK(!contains(error_of("a,b\n1,2\nx,\n", drop), "\"b\""));
}

TEST_CASE("Arrays of numpy", "[table]") {
  struct Row {
    const char* what;
    std::string bytes, read;
  };
  const Row rows[] = {
      {"<f8", kTwo, "x1 x2 | 1 2 | 3 4"},
      {"<f4", npy(header("<f4", "(2, 1)"), bytes_of<float>({1.5F, -2})), "x1 | 1.5 | -2"},
      {"<i8", npy(header("<i8", "(1, 2)"), bytes_of<std::int64_t>({-7, 8})), "x1 x2 | -7 8"},
      {"<i4", npy(header("<i4", "(1, 2)"), bytes_of<std::int32_t>({-7, 8})), "x1 x2 | -7 8"},
      {"<i2", npy(header("<i2", "(1, 2)"), bytes_of<std::int16_t>({-7, 8})), "x1 x2 | -7 8"},
      {"|i1", npy(header("|i1", "(1, 2)"), "\xf9\x08"), "x1 x2 | -7 8"},
      {"<u8", npy(header("<u8", "(1, 1)"), bytes_of<std::uint64_t>({8})), "x1 | 8"},
      {"<u4", npy(header("<u4", "(1, 1)"), "\xff\xff\xff\xff"), "x1 | 4.29497e+09"},
      {"<u2", npy(header("<u2", "(1, 1)"), "\xff\xff"), "x1 | 65535"},
      {"|u1", npy(header("|u1", "(1, 1)"), "\xff"), "x1 | 255"},
      {"|b1", npy(header("|b1", "(1, 2)"), std::string("\0\1", 2)), "x1 x2 | 0 1"},
      {"one axis", npy(header("<f4", "(2,)"), bytes_of<float>({1, 2})), "x1 | 1 | 2"},
      {"no rows", npy(header("<f4", "(0, 2)"), ""), "x1 x2"},
      {"Fortran order", npy(header("<f8", "(2, 2)", true), bytes_of<double>({1, 3, 2, 4})),
       "x1 x2 | 1 2 | 3 4"},
      {"version 2", npy(header("<f4", "(1, 1)"), bytes_of<float>({1}), 2), "x1 | 1"},
      {"version 3", npy(header("<f4", "(1, 1)"), bytes_of<float>({1}), 3), "x1 | 1"},
      {"gzip", gzip(kTwo), "x1 x2 | 1 2 | 3 4"},
      {"npz, stored", zip({{"a.npy", kTwo}}), "x1 x2 | 1 2 | 3 4"},
      {"npz, deflated", zip({{"a.npy", kTwo, true}}), "x1 x2 | 1 2 | 3 4"},
      {"npz beside other things", zip({{"a.npy", kTwo, true}, {"readme", "b"}}),
       "x1 x2 | 1 2 | 3 4"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(as_text(read(row.bytes)) == row.read);
  }
  const std::string two = zip({{"a.npy", kTwo}, {"b.npy", rows[1].bytes, true}});
  CHECK(as_text(read(two, {.array = "b"})) == rows[1].read);
  CHECK(contains(error_of(two), "several arrays; it has: a, b; hint: --array"));
  CHECK(contains(error_of(two, {.array = "c"}), "no array \"c\"; it has: a, b"));
}

TEST_CASE("Arrays of one length are columns, in their order", "[table]") {
  const std::string z = npy(header("<f8", "(3,)"), bytes_of<double>({1, 2, 3})),
                    a = npy(header("<i2", "(3,)"), bytes_of<std::int16_t>({4, 5, 6})),
                    shorter = npy(header("<f8", "(2,)"), bytes_of<double>({7, 8}));
  const std::string two = zip({{"z.npy", z}, {"a.npy", a, true}});
  CHECK(as_text(read(two)) == "z a | 1 4 | 2 5 | 3 6");
  CHECK(as_text(read(two, {.columns = {"a"}})) == "a | 4 | 5 | 6");
  CHECK(as_text(read(two, {.array = "a"})) == "x1 | 4 | 5 | 6");
  CHECK(
      contains(error_of(zip({{"z.npy", z}, {"a.npy", shorter}})), "several arrays; it has: z, a"));
  CHECK(contains(error_of(zip({{"z.npy", z}, {"a.npy", kTwo}})), "several arrays"));
  const auto rows = read_rows(memory_source("t", two));
  std::vector<double> row(2);
  REQUIRE(rows->next(row));
  CHECK(rows->text() == "1,4");
  CHECK(rows->has_names());
}

TEST_CASE("Words of a class are numbered as they are met, or must be those that are known",
          "[table]") {
  const std::string bytes = "a,sort\n1,rose\n2,\"iris, blue\"\n3,rose\n4,7\n";
  const ReadOptions any{.last = {"sort"}, .words = {{"sort", {}}}};
  const Table table = read(bytes, any);
  CHECK(as_text(table) == "a sort | 1 0 | 2 1 | 3 0 | 4 2");
  CHECK(table.words.at("sort") == std::vector<std::string>{"rose", "iris, blue", "7"});
  CHECK(as_text(read(bytes, {.words = {{"sort", {"7", "iris, blue", "rose"}}}})) ==
        "a sort | 1 2 | 2 1 | 3 2 | 4 0");
  CHECK(contains(error_of(bytes, {.words = {{"sort", {"rose", "7"}}}}),
                 "row 2 (line 3), column \"sort\": \"\"iris, blue\"\" is none of: rose, 7"));
  CHECK(contains(error_of(bytes), "\"rose\" is no number (and 2 more rows); hint: --except sort"));
  CHECK(contains(error_of("day,a,sort\n2021-01-01,1,iris\n", any), "hint: --except day leaves it"));
  // What begins with a word may be a class; of a slip in a column of numbers that is not said.
  CHECK(contains(error_of("a,sort\n1,iris\n"), "--given sort takes it for a class"));
  CHECK(!contains(error_of("a,b\n1,2\n1,iris\n"), "--given"));
  // What begins with a number holds numbers.
  const Table numbers = read("a,sort\n1,3\n2,4\n", any);
  CHECK(as_text(numbers) == "a sort | 1 3 | 2 4");
  CHECK(numbers.words.empty());
  CHECK(contains(error_of("a,sort\n1,3\n2,iris\n", any), "\"iris\" is no number"));
  // A missing word is missing.
  CHECK(contains(error_of("a,sort\n1,NA\n", any), "column \"sort\": it is missing"));
  std::string many = "sort\n";
  for (int i = 0; i < 51; ++i) many += fmt::format("w{}\n", i);
  CHECK(contains(error_of(many, any), "row 51 (line 52), column \"sort\": \"w50\" is one more"));
  CHECK(contains(error_of(many, any), "hint: --except sort leaves it out"));
  CHECK(contains(error_of(kTwo, {.words = {{"x1", {"rose"}}}}), "this format holds numbers"));
  CHECK(split(read(bytes + bytes.substr(7) + bytes.substr(7), any)).words == table.words);
}

TEST_CASE("Without names on one side columns are taken in their order", "[table]") {
  const ReadOptions model{.columns = {"b", "a"}, .by_place = true};
  CHECK(as_text(read("a,b\n1,2\n", model)) == "b a | 2 1");  // by name, if it can be
  CHECK(as_text(read("1,2\n", model)) == "b a | 1 2");
  CHECK(as_text(read(kTwo, model)) == "b a | 1 2 | 3 4");
  CHECK(contains(error_of("1,2,3\n", model), "no columns \"b\", \"a\"; it has: x1, x2, x3"));
  CHECK(contains(error_of("c,d\n1,2\n", model), "no columns \"b\", \"a\"; it has: c, d"));
  const ReadOptions nameless{.columns = {"x1", "x2"}, .by_place = true};
  CHECK(as_text(read("c,d\n1,2\n", nameless)) == "x1 x2 | 1 2");
  CHECK(as_text(read("x2,x1\n1,2\n", nameless)) == "x1 x2 | 2 1");
  CHECK(contains(error_of("1,2\n", {.columns = {"a", "b"}}), "no columns \"a\", \"b\""));
}

TEST_CASE("What is written is read again: text and arrays, compressed or not", "[table]") {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("gradflow_rows_{}", ::getpid());
  const std::vector<OutColumn> columns{{"a, of b"}, {"c"}};
  const auto written = [&](const std::string& ending, const std::vector<OutColumn>& names) {
    const std::string name = path.string() + ending;
    const auto out = write_rows(name, names);
    for (int i = 0; i < 3; ++i) out->write(std::vector<real>{real(0.1), static_cast<real>(i)});
    CHECK(!std::filesystem::exists(name));  // until it is whole
    out->finish();
    const std::string bytes = read_file(name);
    std::filesystem::remove(name);
    return bytes;
  };
  const std::string named = "a, of b c | 0.1 0 | 0.1 1 | 0.1 2";
  for (const char* packed : {"", ".gz"}) {
    INFO(packed);
    CHECK(as_text(read(written(std::string(".csv") + packed, columns))) == named);
    CHECK(as_text(read(written(std::string(".tsv") + packed, columns))) == named);
    CHECK(as_text(read(written(std::string(".npz") + packed, columns))) == named);
    CHECK(as_text(read(written(std::string(".safetensors") + packed, columns))) == named);
    CHECK(as_text(read(written(std::string(".npy") + packed, columns))) ==
          "x1 x2 | 0.1 0 | 0.1 1 | 0.1 2");
  }
  CHECK(written(".csv.gz", columns).starts_with("\x1f\x8b"));
  CHECK(written(".tsv", columns).starts_with("\"a, of b\"\tc\n0.1\t0\n"));
  CHECK(written("", {{"a"}, {"sort", {"rose", "iris, blue", "lily"}}}) ==
        "a,sort\n0.1,rose\n0.1,\"iris, blue\"\n0.1,lily\n");
  CHECK(contains(message_of<FileError>([&] {
                   written(".npz", {{"a"}, {"sort", {"rose"}}});
                 }),
                 "column \"sort\" holds words"));
  CHECK(contains(message_of<FileError>([&] {
                   written(".npz", {{"a"}, {"a"}});
                 }),
                 "two columns are named \"a\""));
  // What an .npz says of a member's comment, disk and attributes: nothing.
  const std::string npz = npz_bytes({{"a", zeros({1})}});
  CHECK(npz.substr(npz.find("PK\x01\x02") + 32, 10) == std::string(10, '\0'));
  // The numbers of an .npy begin at a multiple of 64 bytes, whatever its header says.
  for (const Index rows : {1, 1000, 100'000}) {
    const std::string bytes = npy_bytes(zeros({rows, 3}));
    CHECK((std::ssize(bytes) - rows * 3 * Index{sizeof(real)}) % 64 == 0);
  }
}

TEST_CASE("Tensors of a safetensors file", "[table]") {
  const std::string one = encode_tensors({.tensors = {{"a", Tensor({{1, 2}, {3, 4}})}}});
  CHECK(as_text(read(one)) == "x1 x2 | 1 2 | 3 4");
  const std::string two =
      encode_tensors({.tensors = {{"a", ones({2, 2, 2})}, {"b", ones(Shape{2})}}});
  CHECK(as_text(read(two, {.array = "b"})) == "x1 | 1 | 1");
  const std::string columns =
      encode_tensors({.tensors = {{"b", Tensor(Shape{2}, std::vector<real>{1, 2})},
                                  {"a", Tensor(Shape{2}, std::vector<real>{3, 4})}}});
  CHECK(as_text(read(columns)) == "a b | 3 1 | 4 2");
  CHECK(as_text(read(columns, {.array = "b"})) == "x1 | 1 | 2");
  CHECK(contains(error_of(two), "2 tensors that can be read: a, b"));
  CHECK(contains(error_of(two), "--array"));
  CHECK(contains(error_of(two, {.array = "a"}), "(2, 2, 2); (rows, columns)"));
  CHECK(contains(error_of(two, {.array = "c"}), "no tensor \"c\""));
}

TEST_CASE("Files that are no tables are refused in one line that says why", "[table]") {
  struct Row {
    const char* what;
    std::string bytes, expected;
  };
  const std::string f4 = bytes_of<float>({1, 2});
  const std::string packed = gzip("a,b\n1,2\n3,4\n5,6\n");
  std::string wrong_sum = zip({{"a.npy", kTwo}});
  wrong_sum[wrong_sum.find("PK\x01\x02") - 1] ^= 1;  // the last byte of the data
  std::string directory_lost = zip({{"a.npy", kTwo}});
  directory_lost.resize(directory_lost.size() - 30);
  const Row rows[] = {
      {"empty", "", "read: t: it is empty"},
      {"blank", "\n \n\n", "read: t: it has no line"},
      {"a picture", std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16), "row 1 (line 2)"},
      {"zeros", std::string(100, '\0'), "a zero byte in its first line"},
      {"UTF-16",
       std::string("\xff\xfe"
                   "a\0,\0",
                   6),
       "iconv"},
      {"Parquet", "PAR1...", "read_parquet"},
      {"HDF5", "\x89HDF\r\n\x1a\n", "h5py"},
      {"a spreadsheet", zip({{"xl/workbook.xml", "<a/>"}}), "must be saved as CSV"},
      {"a word", "a,b\n1,2\n3,four\n", "row 2 (line 3), column \"b\": \"four\" is no number"},
      {"a decimal comma", "a;b\n1,5;2\n",
       "row 1 (line 2), column \"a\": \"1,5\" is no number; hint: "
       "decimals need a point"},
      {"hexadecimal", "a\n0x1\n", "\"0x1\" is no number"},
      {"too few fields", "a,b\n1,2\n3\n", "row 2 (line 3) has 1 fields; 2 are required"},
      {"too many fields", "a,b\n1,2,3\n", "row 1 (line 2) has 3 fields"},
      {"a name twice", "a,b,a\n1,2,3\n", "2 columns are named \"a\"; hint: --except a leaves"},
      {"an open quote", "a,b\n1,\"2\n3,4\n", "a quote that begins in line 2 does not end"},
      {"gzip, cut short", packed.substr(0, packed.size() / 2), "compressed data is cut short"},
      {"gzip, without its end", packed.substr(0, packed.size() - 3),
       "compressed data is cut short"},
      {"gzip, something behind it", packed + "xyz", "compressed data is damaged"},
      {"npy, only magic", std::string(kNpyMagic), "does not begin as .npy does"},
      {"npy, version 9", npy(header("<f4", "(1,)"), f4, 9), "version 9.0"},
      {"npy, a long header", std::string(kNpyMagic) + std::string("\2\0\xff\xff\xff\x7f", 6),
       "a header of 2147483647 bytes"},
      {"npy, cut header", npy(header("<f4", "(2,)"), "").substr(0, 30), "ends within its header"},
      {"npy, no shape", npy("{'descr': '<f4', 'fortran_order': False}", f4), "no shape"},
      {"npy, two shapes",
       npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}", f4),
       "two shape"},
      {"npy, order", npy("{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}", f4),
       "neither True nor False"},
      {"npy, a negative size", npy(header("<f4", "(-2,)"), f4), "its shape cannot be read"},
      {"npy, a size that overflows", npy(header("<f4", "(99999999999999999999,)"), f4),
       "its shape cannot be read"},
      {"npy, sizes that overflow", npy(header("<f4", "(4611686018427387904, 4)"), f4), "too large"},
      {"npy, no columns", npy(header("<f4", "(4, 0)"), ""), "no columns"},
      {"npy, a scalar", npy(header("<f4", "()"), f4), "0 axes"},
      {"npy, three axes", npy(header("<f4", "(1, 2, 1)"), f4), "3 axes; a table has two"},
      {"npy, big-endian", npy(header(">f4", "(2,)"), f4), "big-endian"},
      {"npy, complex", npy(header("<c8", "(1,)"), f4), "\"<c8\", which is not read"},
      {"npy, objects", npy(header("|O", "(1,)"), f4), "\"|O\", which is not read"},
      {"npy, fields", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", f4),
       "fields of several kinds"},
      {"npy, cut data", npy(header("<f4", "(3,)"), f4), "it ends before row 1 of 3"},
      {"npy, cut data in Fortran order", npy(header("<f4", "(1000000000, 2)", true), f4),
       "it ends before row 1"},
      {"npy, more data", npy(header("<f4", "(1,)"), f4), "more bytes than its 1 rows need"},
      {"npy, nan", npy(header("<f4", "(2,)"), bytes_of<float>({1, NAN})),
       "row 2, column \"x1\": it is missing"},
      {"npz, damaged", wrong_sum, "its member is damaged"},
      {"npz, cut short", directory_lost, "its directory is missing"},
      {"npz, one name twice", zip({{"a.npy", kTwo}, {"a.npy", kTwo}}), "two of its members"},
      {"safetensors, cut short", encode_tensors({.tensors = {{"a", ones({2, 2})}}}).substr(0, 70),
       "t: "},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const std::string error = error_of(row.bytes);
    CHECK(contains(error, row.expected));
    CHECK(error.find('\n') == error.npos);
    CHECK(error.size() < 400);
  }
}

TEST_CASE("A file that is not there, a directory, columns that are not there", "[table]") {
  CHECK(contains(message_of<FileError>([&] { read_table("/no/such/file"); }),
                 "/no/such/file: No such file"));
  CHECK(contains(message_of<FileError>([&] { read_table("/tmp"); }), "/tmp: it is a directory"));
  CHECK(contains(error_of("a,b\n1,2\n", {.columns = {"c"}}), "no column \"c\"; it has: a, b"));
  CHECK(contains(error_of("a,b\n1,2\n", {.columns = {"a", "a"}}), "\"a\" is asked for twice"));
  CHECK(contains(error_of("a,b\n1,2\n", {.except = {"a", "b"}}), "no columns are left"));
  CHECK(contains(error_of("a,b\n1,2\n", {.except = {"a"}, .last = {"a"}}), "left out and given"));
  CHECK(as_text(read("a,b,a\n1,2,3\n", {.except = {"a"}})) == "b | 2");
  CHECK(as_text(read("a,b,a\n1,2,3\n", {.columns = {"b"}})) == "b | 2");
  // What is left out, or comes last, may be among the columns that are asked for.
  CHECK(as_text(read("a,b,c\n1,2,3\n",
                     {.columns = {"a", "b", "c"}, .except = {"b"}, .last = {"a"}})) == "c a | 3 1");
}

// --- all at once ---

// What is said of a table that is read and checked; empty if nothing is.
std::string refusal_of(const std::string& bytes, const ReadOptions& options,
                       bool columns_may_go = true) {
  try {
    Faults faults("t", columns_may_go);
    const Table table = read_table(memory_source("t", bytes), options, faults);
    if (columns_may_go) check_table(table, {}, faults);  // as for a fit
    faults.refuse();
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

// The argument of an option in a hint: up to the next blank.
std::string argument_of(const std::string& option, const std::string& text) {
  const std::size_t at = text.rfind(option + ' ');
  if (at == text.npos) return "";
  const std::string rest = text.substr(at + option.size() + 1);
  return rest.substr(0, rest.find_first_of(" \n"));
}

TEST_CASE("Whatever is wrong with a table is said at once, each with what mends it", "[table]") {
  constexpr int kRows = 60;
  enum Wrong { words, missing, constant, twice, empty, unknown, fields, kinds };
  const char* const told[] = {
      ("row 1 (line 2), column \"day\": \"d1\" is no number (and 59 more rows); hint: --except "
       "day leaves it out, --given day takes it for a class of at most 50 words"),
      "row 3 (line 4), column \"b\": it is missing (and 1 more row); hint: --missing drop",
      ("column \"k\" is constant, 7; its density would be infinite; hint: leave it out with "
       "--except k"),
      "2 columns are named \"n\"; hint: --except n leaves them out",
      "row 1 (line 2), column \"e\": it is missing (and 59 more rows); hint: --except e",
      "no columns \"y\", \"z\"; it has: a, b",
      "row 61 (line 62) has 1 fields",
  };
  for (int which = 0; which < 1 << kinds; ++which) {
    const auto has = [&](Wrong wrong) { return (which >> wrong & 1) != 0; };
    CAPTURE(which);
    std::string bytes = "a,b";
    if (has(words)) bytes += ",day";
    if (has(constant)) bytes += ",k";
    if (has(twice)) bytes += ",n,n";
    if (has(empty)) bytes += ",e";
    for (int i = 1; i <= kRows; ++i) {
      bytes += fmt::format("\n{},{}", i * i,
                           has(missing) && (i == 3 || i == 9) ? "" : fmt::format("{}", i));
      if (has(words)) bytes += fmt::format(",d{}", i);
      if (has(constant)) bytes += ",7";
      if (has(twice)) bytes += fmt::format(",{},1", -i);
      if (has(empty)) bytes += ",";
    }
    if (has(fields)) bytes += "\n1";
    ReadOptions options;
    if (has(unknown)) options.except = {"y", "z"};
    const std::string text = refusal_of(bytes, options);
    int wrong = 0;
    for (int k = 0; k < kinds; ++k) {
      INFO(told[k] << " in " << text);
      CHECK(contains(text, told[k]) == has(Wrong(k)));
      wrong += has(Wrong(k)) ? 1 : 0;
    }
    const bool options_help =
        has(words) || has(missing) || has(constant) || has(twice) || has(empty);
    CHECK(std::ranges::count(text, '\n') == (wrong < 2 ? 0 : wrong + (options_help ? 1 : 0)));
    // Where rows may be left out, those are not that have other faults, too.
    ReadOptions dropping = options;
    dropping.missing = Missing::drop;
    const std::string without = refusal_of(bytes, dropping);
    for (const Wrong k : {words, constant, twice, unknown, fields})
      if (!has(empty)) CHECK(contains(without, told[k]) == has(k));
    if (has(unknown) || has(fields)) continue;
    options.except = csv_fields(argument_of("--except", text));
    if (options.except == std::vector<std::string>{""}) options.except = {};
    CHECK(std::ranges::count(options.except, "b") == 0);  // a few rows go, not the column
    if (argument_of("--missing", text) == "drop") options.missing = Missing::drop;
    CHECK(refusal_of(bytes, options).empty());
  }
}

TEST_CASE("A model needs its columns: no fault is mended by leaving one out", "[table]") {
  const std::string text =
      refusal_of("a,b,c,sort\nx,,1,iris\n2,,x,rose\n",
                 {.columns = {"a", "b", "c", "d", "sort"}, .words = {{"sort", {"rose"}}}}, false);
  for (const char* line :
       {"no column \"d\"; it has: a, b, c, sort\n", "column \"a\": \"x\" is no number\n",
        "column \"sort\": \"iris\" is none of: rose\n",
        "column \"b\": it is missing (and 1 more row); hint: --missing drop leaves such rows "
        "out\n",
        "row 2 (line 3), column \"c\": \"x\" is no number\n", "do together: --missing drop"})
    CHECK(contains(text, line));
  CHECK(!contains(text, "--except"));
}

TEST_CASE("Many faults are many lines, up to a number, and each is one line", "[table]") {
  std::string names = "\"a\n\"", row = "\"x\ny\"";
  for (int i = 0; i < 30; ++i) names += fmt::format(",b{}", i), row += ",w";
  const std::string text = error_of(names + "\n" + row + "\n" + row + "\n");
  CHECK(contains(text, "read: t: 31 things are wrong:\n"));
  CHECK(contains(text, "column \"a \": \"\"x y\"\" is no number (and 1 more row)"));
  CHECK(contains(text, "\n  and 11 more\n"));
  CHECK(std::ranges::count(text, '\n') == 22);
}

TEST_CASE("Names of columns as an option takes them, and a shell", "[table]") {
  CHECK(as_argument({"a", "b_2"}) == "a,b_2");
  CHECK(as_argument({"time [s]", "b, of \"c\""}) == "'time [s],\"b, of \"\"c\"\"\"'");
  CHECK(csv_fields("time [s],\"b, of \"\"c\"\"\"") ==
        std::vector<std::string>{"time [s]", "b, of \"c\""});
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("größe") == "größe");
}

TEST_CASE("Statistics of columns, also far from 0", "[table]") {
  const Tensor values({{1000, 1}, {1001, -1}, {1002, 1}, {1003, -1}});
  const auto statistics = statistics_of(values);
  CHECK(statistics[0].mean == 1001.5);
  CHECK(statistics[0].deviation == Approx(std::sqrt(1.25)).epsilon(1e-12));
  CHECK(statistics[0].low == 1000);
  CHECK(statistics[0].high == 1003);
  CHECK(statistics[1].mean == 0);
  CHECK(statistics[1].deviation == 1);
}

TEST_CASE("A table that makes no sense is refused, one that is doubtful warned of", "[table]") {
  Rng rng(1);
  const auto table = [&](Tensor values) { return Table{{"a", "b"}, std::move(values), 0, {}}; };
  CHECK(check_table(table(rng.normal({200, 2}))).empty());
  CHECK(contains(message_of<FileError>([&] {
                   check_table(table(rng.normal({19, 2})));
                 }),
                 "19 rows given"));
  Tensor constant = rng.normal({50, 2});
  for (Index i = 0; i < 50; ++i) constant.mutable_data()[2 * i + 1] = 3;
  CHECK(contains(message_of<FileError>([&] { check_table(table(constant)); }),
                 "column \"b\" is constant, 3; its density would be infinite"));
  CHECK(check_table(table(constant), {.constant_allowed = true}).empty());
  CHECK(contains(message_of<FileError>(
                     [&] { check_table(table(constant), {.constant_allowed = true, .given = 1}); }),
                 "a condition must differ between rows; hint: leave it out with --except b"));
  Tensor lost = rng.normal({50, 2});
  for (Index i = 0; i < 50; ++i) lost.mutable_data()[2 * i] = real(1e16);
  CHECK(contains(message_of<FileError>([&] { check_table(table(lost)); }), "subtract 1"));
  Tensor far = rng.normal({50, 2});
  for (Index i = 0; i < 50; ++i) far.mutable_data()[2 * i] += real(1e6);
  CHECK(contains(message_of<FileError>([&] { check_table(table(far)); }), "column \"a\""));
  CHECK(contains(message_of<FileError>([&] { check_table(table(far)); }), "hint: subtract"));
  Tensor outlier = rng.normal({500, 2});
  outlier.mutable_data()[3] = 100;
  CHECK(contains(check_table(table(outlier)).at(0), "column \"b\""));
  CHECK(contains(check_table(table(outlier)).at(0), "from the mean"));
  CHECK(check_table(table(outlier), {.given = 1}).empty());
  outlier.mutable_data()[2] = -1000;
  REQUIRE(check_table(table(outlier)).size() == 1);  // what is alike is one warning
  CHECK(contains(check_table(table(outlier)).at(0), "columns \"a\", \"b\": values are up to 22 "));
  Tensor many = rng.uniform({500, 20}, 0, 8);
  for (Index i = 0; i < many.size(); ++i) many.mutable_data()[i] = std::floor(many.data()[i]);
  Table digits{{}, many, 0, {}};
  for (int c = 0; c < 20; ++c) digits.names.push_back(fmt::format("p{}", c));
  REQUIRE(check_table(digits).size() == 1);
  CHECK(contains(check_table(digits).at(0), "\"p7\" and 12 others: up to 1"));
  Tensor rounded = rng.uniform({500, 2}, 0, 8);
  for (Index i = 0; i < 500; ++i)
    rounded.mutable_data()[2 * i] = std::floor(rounded.data()[2 * i]) / 2;
  CHECK(contains(check_table(table(rounded)).at(0), "column \"a\""));
  CHECK(contains(check_table(table(rounded)).at(0), "width 0.5"));
  // What the columns before give, and what only seems so.
  Tensor dependent = rng.normal({500, 4});
  for (Index i = 0; i < 500; ++i) {
    real* const row = dependent.mutable_data() + 4 * i;
    row[2] = 1000 - 2 * row[0] + row[1];
    row[3] = row[0] + real(0.003) * row[3];
  }
  const Table sums{{"a", "b", "c", "d"}, dependent, 0, {}};
  REQUIRE(check_table(sums).size() == 1);
  CHECK(contains(check_table(sums).at(0), "column \"c\": given by the columns before"));
  CHECK(contains(check_table(sums).at(0), "--except c leaves it out"));
  CHECK(check_table(sums, {.constant_allowed = true}).empty());
  CHECK(check_table(sums, {.given = 2}).empty());
  // What counts the rows, upwards or downwards, from anywhere; and what is only in order.
  Tensor counting = rng.normal({500, 4});
  for (Index i = 0; i < 500; ++i) {
    real* const row = counting.mutable_data() + 4 * i;
    row[0] = static_cast<real>(i + 1);
    row[1] = real(0.1) * (real(7) - static_cast<real>(i * i % 499));
    row[2] = 3 * row[2] + 10 * static_cast<real>(i);
  }
  const Table counts{{"id", "b", "c", "d"}, counting, 0, {}};
  REQUIRE(check_table(counts).size() == 1);
  CHECK(contains(check_table(counts).at(0), "column \"id\": the same step from row to row"));
  for (Index i = 0; i < 500; ++i)
    counting.mutable_data()[4 * i] = real(1e6) - real(0.25) * static_cast<real>(i);
  const Table downwards{{"id", "b", "c", "d"}, counting, 0, {}};
  CHECK(contains(check_table(downwards).at(0), "column \"id\": the same step"));
  // Sizes beyond what sums of `real` hold.
  using RealLimits = std::numeric_limits<real>;
  for (const real size : {RealLimits::max() / 10, RealLimits::min() * 10}) {
    Tensor sized = rng.uniform({50, 2}, 0, 1);
    for (Index i = 0; i < 50; ++i) sized.mutable_data()[2 * i] *= size;
    CHECK(
        contains(message_of<FileError>([&] { check_table(table(sized)); }),
                 size > 1 ? "too large to reckon with; hint: other units" : "too small to reckon"));
  }
  CHECK(grid_of(table(rounded)) == std::vector<double>{0.5, 0});
  CHECK(contains(check_table(table(rng.normal({39, 2}))).at(0), "39 rows for 2 columns"));
}

TEST_CASE("A split has every row once, repeats for its seed, and copies nothing", "[table]") {
  const Index N = 1000;
  Tensor values({N, 2});
  for (Index i = 0; i < N; ++i) {
    values.mutable_data()[2 * i] = static_cast<real>(i);
    values.mutable_data()[2 * i + 1] = static_cast<real>(-i);
  }
  const real* const place = values.data();
  Table table{{"a", "b"}, std::move(values), 0, {}};
  const Table copy = {table.names, Tensor(table.values.shape(), table.values.values()), 0, {}};
  const Split parts = split(std::move(table), {.seed = 5, .validation = 0.2, .test = 0.1});
  CHECK(parts.training.rows() == 700);
  CHECK(parts.validation.rows() == 200);
  CHECK(parts.test.rows() == 100);
  CHECK(parts.training.data() == place);
  std::vector<bool> seen(N);
  bool whole = true, moved = false;
  for (const Tensor& part : {parts.training, parts.validation, parts.test})
    for (Index i = 0; i < part.rows(); ++i) {
      const auto row = static_cast<std::size_t>(part.at({i, 0}));
      whole &= !seen[row] && part.at({i, 1}) == -part.at({i, 0});
      seen[row] = true;
    }
  for (Index i = 0; i < 700; ++i) moved |= parts.training.at({i, 0}) != static_cast<real>(i);
  CHECK(whole);
  CHECK(moved);
  const auto first_of = [&](std::uint64_t seed) {
    return split(copy, {.seed = seed, .validation = 0.2, .test = 0.1}).test.at({0, 0});
  };
  CHECK(first_of(5) == parts.test.at({0, 0}));
  CHECK(first_of(6) != parts.test.at({0, 0}));
  // Row order[i] comes to row i: as Rng says, so that anybody can find a row again.
  const auto order = Rng(5).fork(0).permutation(N);
  bool as_said = true;
  for (Index i = 0; i < 700; ++i)
    as_said &= parts.training.at({i, 0}) == static_cast<real>(order[static_cast<std::size_t>(i)]);
  CHECK(as_said);
  CHECK(contains(message_of<FileError>([&] { split(copy, {.validation = 0}); }),
                 "shares of 0 and 0.1"));
  CHECK(contains(message_of<FileError>([&] { split(copy, {.validation = 0.6, .test = 0.5}); }),
                 "shares"));
}

}  // namespace gradflow
