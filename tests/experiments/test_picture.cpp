// A picture as a density: what a PGM file may hold, and that the density is that of its pixels.
#include "experiments/data/picture.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "experiments/data/catalogue.h"
#include "experiments/run/files/file.h"
#include "tests/catch.h"

using namespace gradflow;

namespace {

// Three pixels wide and two high: 0 1 3 above 2 0 4, of 4 shades.
const std::string kText = "P2 # grey\n3 2 # width and height\n4\n0 1 3\n2 0 4\n";
const std::vector<double> kShades{0, 0.25, 0.75, 0.5, 0, 1};

void check_pixels(const Picture& picture) {
  CHECK(picture.width == 3);
  CHECK(picture.height == 2);
  CHECK(picture.brightness == kShades);
}

}  // namespace

TEST_CASE("picture: PGM as text, as bytes, and with two bytes for a shade") {
  check_pixels(decode_pgm(kText, "text"));
  const auto bytes = [](std::initializer_list<int> values) {
    std::string result;
    for (const int value : values) result += static_cast<char>(value);
    return result;
  };
  check_pixels(decode_pgm("P5\n3 2\n4\n" + bytes({0, 1, 3, 2, 0, 4}), "bytes"));
  check_pixels(decode_pgm("P5 3 2 1024\n" + bytes({0, 0, 1, 0, 3, 0, 2, 0, 0, 0, 4, 0}), "two"));
  // The first byte behind the one blank is a pixel, even if it is a blank itself.
  CHECK(decode_pgm("P5 1 1 32\n ", "blank").brightness == std::vector<double>{1});
}

// What a PNG of those pixels is read as; or, where libpng was not there, that it says so.
std::optional<Picture> from_png(const std::string& file) {
  const std::string path = GRADFLOW_SEEDS_DIRECTORY "/fuzz_picture/" + file;
  try {
    return decode_png(read_file(path), path);
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Matchers::Contains("built without libpng; hint: convert"));
    return {};
  }
}

TEST_CASE("picture: PNG in grey, of 16 bits, with a palette, and that can be seen through") {
  for (const std::string file : {"grey.png", "deep.png", "seen_through.png"}) {
    CAPTURE(file);
    const auto read = from_png(file);
    if (!read) return;
    CHECK(read->width == 3);
    CHECK(read->height == 2);
    CHECK(read->brightness == std::vector<double>{0, 64 / 255.0, 191 / 255.0, 128 / 255.0, 0, 1});
  }
  CHECK(from_png("palette.png")->brightness ==
        std::vector<double>{0, 64 / 255.0, 128 / 255.0, 128 / 255.0, 0, 1});
}

TEST_CASE("picture: what is no PNG, or is cut short, is refused with its name") {
  if (!from_png("grey.png")) return;
  const std::string whole = read_file(GRADFLOW_SEEDS_DIRECTORY "/fuzz_picture/grey.png");
  const auto refused = [](const std::string& bytes) {
    CHECK_THROWS_WITH(decode_png(bytes, "file.png"), Catch::Matchers::Contains("file.png: "));
  };
  refused("");
  refused(kText);
  for (const std::size_t length : {8u, 20u, 33u, 45u}) refused(whole.substr(0, length));
  const std::string huge = read_file(GRADFLOW_SEEDS_DIRECTORY "/fuzz_picture/huge.png");
  CHECK_THROWS_WITH(decode_png(huge, "file.png"),
                    "file.png: 20000 x 20000 pixels; 100000000 at most");
}

TEST_CASE("picture: what is no PGM, or is cut short, is refused with its name") {
  for (const std::string& bad :
       {std::string("\x89PNG\r\n"), std::string("P6 1 1 255\nabc"), std::string("P2"),
        std::string("P2 3 2 4 0 1 3 2 0"), std::string("P2 3 2 4 0 1 3 2 0 5"),
        std::string("P5 3 2 4\n01302"), std::string("P5 3 2 1024\n012345678"),
        std::string("P5 0 2 4\n"), std::string("P5 3 2 0\n123456"), std::string("P5 3 2 70000\n"),
        std::string("P5 99999 99999 4\n"), std::string("P5 60000 60000 4\n12"),
        std::string("P2 -3 2 4 0 0 0 0 0 0"), std::string("P2 3 2 x"), std::string()}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(decode_pgm(bad, "file.pgm"), Catch::Matchers::Contains("file.pgm"));
  }
  CHECK_THROWS_AS(data_set("not/there.pgm"), Error);
}

TEST_CASE("picture: each pixel has its share, in density and in samples") {
  const DataSet set = picture(decode_pgm(kText, "text"), "text");
  // The longer side is 4 long: pixels of side 4/3, from (-2, 4/3) down to (2, -4/3).
  const double area = 16.0 / 9, sum = 2.5;
  constexpr Index kPoints = 100'000;
  Rng rng(1);
  const Tensor points = set.sample(kPoints, rng).points;
  std::vector<double> counts(6);
  for (Index i = 0; i < kPoints; ++i) {
    const Index column = static_cast<Index>((points.at({i, 0}) + 2) * 0.75);
    const Index row = static_cast<Index>((4.0 / 3 - points.at({i, 1})) * 0.75);
    ++counts.at(static_cast<std::size_t>(std::min<Index>(row, 1) * 3 + std::min<Index>(column, 2)));
  }
  double entropy = std::log(area);
  for (std::size_t k = 0; k < 6; ++k) {
    const double x = -2 + 4.0 / 3 * (static_cast<double>(k % 3) + 0.5),
                 y = k < 3 ? 2.0 / 3 : -2.0 / 3;
    const double log_p = set.log_density(Tensor({{real(x), real(y)}})).at({0});
    const double share = kShades[k] / sum;
    CAPTURE(k);
    if (share == 0) {
      CHECK(log_p == -std::numeric_limits<double>::infinity());
      CHECK(counts[k] == 0);
      continue;
    }
    CHECK(std::abs(log_p - std::log(share / area)) < 1e-6);
    const double error = std::sqrt(share * (1 - share) / kPoints);
    CHECK(std::abs(counts[k] / kPoints - share) < 4 * error);
    entropy -= share * std::log(share);
  }
  CHECK(std::abs(set.entropy - entropy) < 1e-12);
  CHECK(set.log_density(Tensor({{2.1f, 0}, {0, -1.4f}})).at({1}) ==
        -std::numeric_limits<double>::infinity());
  CHECK(set.edges);
}

TEST_CASE("picture: its moments are those of its samples, and dark instead of bright") {
  const Picture pixels = decode_pgm(kText, "text");
  for (const Dense dense : {Dense::where_bright, Dense::where_dark}) {
    const DataSet set = picture(pixels, "text", dense);
    constexpr Index kPoints = 100'000;
    Rng rng(2);
    const Tensor points = set.sample(kPoints, rng).points;
    for (const Index axis : {0, 1}) {
      double sum = 0, squares = 0;
      for (Index i = 0; i < kPoints; ++i) {
        const double off = points.at({i, axis}) - set.mean[std::size_t(axis)];
        sum += off / kPoints;
        squares += off * off / kPoints;
      }
      const double deviation = set.deviation[std::size_t(axis)];
      CHECK(std::abs(sum) < 4 * deviation / std::sqrt(double(kPoints)));
      CHECK(std::abs(std::sqrt(squares) - deviation) <
            4 * deviation / std::sqrt(2 * double(kPoints)));
    }
  }
  const auto of_one_shade = [](double shade, Dense dense) {
    return picture(Picture{2, 1, {shade, shade}}, "plain", dense);
  };
  CHECK_THROWS_AS(of_one_shade(0, Dense::where_bright), ShapeError);
  CHECK_THROWS_AS(of_one_shade(1, Dense::where_dark), ShapeError);
  CHECK(std::abs(of_one_shade(0.3, Dense::where_bright).entropy - std::log(4 * 2)) < 1e-12);
}

TEST_CASE("picture: what a file is decides how it is read, not its name") {
  if (!from_png("grey.png")) return;
  const std::string bytes = read_file(GRADFLOW_SEEDS_DIRECTORY "/fuzz_picture/grey.png");
  const std::string file = "test_picture_too.pgm";
  write_file(file, bytes);
  const DataSet set = data_set(file);
  std::filesystem::remove(file);
  CHECK(set.limits.y.high == Approx(4.0 / 3));
}

TEST_CASE("picture: from a file, by the catalogue") {
  const std::string file = "test_picture.pgm";
  write_file(file, kText);
  const DataSet set = data_set(file);
  std::filesystem::remove(file);
  CHECK(set.name == file);
  CHECK(set.limits.y.high == Approx(4.0 / 3));
}
