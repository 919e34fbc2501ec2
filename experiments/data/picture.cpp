#include "experiments/data/picture.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>

#include "tensor/error.h"

namespace gradflow {
namespace {

constexpr Index kMostPixels = 100'000'000;

// Reads the words of a PGM: whole numbers between blanks; what follows a # is no word.
class Words {
 public:
  Words(const std::string& bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  Index number(Index low, Index high, const char* what) {
    skip_blanks();
    const std::size_t begin = at_;
    Index value = 0;
    while (is_digit() && value <= high) value = 10 * value + (bytes_[at_++] - '0');
    require<Error>(at_ > begin && low <= value && value <= high,
                   "{}: its {} is not a number from {} to {}; a PGM file is required; hint: "
                   "convert picture.png picture.pgm",
                   name_, what, low, high);
    return value;
  }
  void skip(std::size_t count) { at_ += count; }
  std::size_t at() const { return at_; }

 private:
  bool is_digit() const { return at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9'; }
  void skip_blanks() {
    for (bool comment = false; at_ < bytes_.size(); ++at_) {
      const char c = bytes_[at_];
      if (c == '#') comment = true;
      if (c == '\n') comment = false;
      if (!comment && !std::isspace(static_cast<unsigned char>(c))) return;
    }
  }

  const std::string& bytes_;
  const std::string& name_;
  std::size_t at_ = 2;  // behind the P2 or P5
};

// Behind the header: a byte for each pixel, or two, the larger one first.
void read_bytes(Picture& picture, const std::string& bytes, std::size_t at, Index shades,
                const std::string& name) {
  const std::size_t each = shades > 255 ? 2 : 1, pixels = picture.brightness.size();
  require<Error>(bytes.size() >= at && bytes.size() - at >= each * pixels,
                 "{}: {} bytes of pixels; {} x {} are announced", name,
                 bytes.size() - std::min(at, bytes.size()), picture.width, picture.height);
  for (double& value : picture.brightness) {
    int shade = static_cast<unsigned char>(bytes[at++]);
    if (each == 2) shade = 256 * shade + static_cast<unsigned char>(bytes[at++]);
    value = std::min(1.0, shade / static_cast<double>(shades));
  }
}

// The chances of pixels, and their sums up to each.
struct Pixels {
  Index width, height;
  double side;  // of a pixel
  std::vector<double> chance, sums;

  Limits limits() const {
    const double x = side * static_cast<double>(width) / 2,
                 y = side * static_cast<double>(height) / 2;
    return {{-x, x}, {-y, y}};
  }
  double density(double x, double y) const {
    const double column = std::floor((x - limits().x.low) / side),
                 row = std::floor((limits().y.high - y) / side);
    if (!(column >= 0 && column < double(width) && row >= 0 && row < double(height))) return 0;
    return chance[static_cast<std::size_t>(static_cast<Index>(row) * width +
                                           static_cast<Index>(column))] /
           (side * side);
  }
};

Pixels pixels_of(const Picture& picture, const std::string& name, Dense dense) {
  Pixels pixels{picture.width,
                picture.height,
                4 / static_cast<double>(std::max(picture.width, picture.height)),
                picture.brightness,
                {}};
  if (dense == Dense::where_dark)
    for (double& value : pixels.chance) value = 1 - value;
  const double sum = std::accumulate(pixels.chance.begin(), pixels.chance.end(), 0.0);
  require(sum > 0, "{}: nothing in it is {}; some of it is to be", name,
          dense == Dense::where_dark ? "dark" : "bright");
  for (double& value : pixels.chance) value /= sum;
  std::partial_sum(pixels.chance.begin(), pixels.chance.end(), std::back_inserter(pixels.sums));
  return pixels;
}

// The pixel at which the sums pass a uniform number (of two draws: one has only 24 bits), and a
// place in it.
Data sample_pixels(const Pixels& pixels, Index n, Rng& rng) {
  const Tensor u = rng.uniform({n, 2});
  Data data{rng.uniform({n, 2}), {}};
  real* at = data.points.mutable_data();
  for (Index i = 0; i < n; ++i, at += 2) {
    const double pick = u.data()[2 * i] + std::ldexp(double(u.data()[2 * i + 1]), -24);
    const auto found =
        std::upper_bound(pixels.sums.begin(), pixels.sums.end(), pick * pixels.sums.back()) -
        pixels.sums.begin();
    const Index pixel = std::min<Index>(found, std::ssize(pixels.sums) - 1);
    const Index column = pixel % pixels.width, row = pixel / pixels.width;
    const double right = static_cast<double>(column) + at[0],
                 down = static_cast<double>(row) + at[1];
    at[0] = static_cast<real>(pixels.limits().x.low + pixels.side * right);
    at[1] = static_cast<real>(pixels.limits().y.high - pixels.side * down);
  }
  return data;
}

// Those of the pixels' middles, and that of a pixel.
void set_moments(DataSet& set, const Pixels& pixels) {
  Point2 mean{0, 0}, square{0, 0};
  for (std::size_t i = 0; i < pixels.chance.size(); ++i) {
    const Index k = static_cast<Index>(i);
    const Index column = k % pixels.width, row = k / pixels.width;
    const Point2 middle{pixels.limits().x.low + pixels.side * (double(column) + 0.5),
                        pixels.limits().y.high - pixels.side * (double(row) + 0.5)};
    for (const std::size_t axis : {0u, 1u}) {
      mean[axis] += pixels.chance[i] * middle[axis];
      square[axis] += pixels.chance[i] * middle[axis] * middle[axis];
    }
  }
  set.mean = mean;
  for (const std::size_t axis : {0u, 1u})
    set.deviation[axis] =
        std::sqrt(square[axis] - mean[axis] * mean[axis] + pixels.side * pixels.side / 12);
}

}  // namespace

void check_size_of_picture(Index width, Index height, const std::string& name) {
  require<Error>(width * height <= kMostPixels, "{}: {} x {} pixels; {} at most", name, width,
                 height, kMostPixels);
}

bool is_picture(const std::string& file) {
  return file.ends_with(".pgm") || file.ends_with(".png");
}

Picture decode_pgm(const std::string& bytes, const std::string& name) {
  const bool text = bytes.starts_with("P2");
  require<Error>(text || bytes.starts_with("P5"),
                 "{}: no PGM, which begins with P2 or P5; hint: convert picture.png picture.pgm",
                 name);
  Words words(bytes, name);
  Picture picture;
  picture.width = words.number(1, 65535, "width");
  picture.height = words.number(1, 65535, "height");
  check_size_of_picture(picture.width, picture.height, name);
  const Index shades = words.number(1, 65535, "number of shades");
  require<Error>(Index(bytes.size()) >= picture.width * picture.height,
                 "{}: {} bytes; {} x {} pixels are announced", name, bytes.size(), picture.width,
                 picture.height);
  picture.brightness.resize(static_cast<std::size_t>(picture.width * picture.height));
  if (!text) {
    words.skip(1);
    read_bytes(picture, bytes, words.at(), shades, name);
    return picture;
  }
  for (double& value : picture.brightness)
    value = static_cast<double>(words.number(0, shades, "pixel")) / static_cast<double>(shades);
  return picture;
}

DataSet picture(const Picture& picture, std::string name, Dense dense) {
  const auto pixels = std::make_shared<const Pixels>(pixels_of(picture, name, dense));
  DataSet set{.name = std::move(name)};
  set.sample = [pixels](Index n, Rng& rng) { return sample_pixels(*pixels, n, rng); };
  set.log_density = log_of([pixels](double x, double y) { return pixels->density(x, y); });
  for (const double p : pixels->chance)
    if (p > 0) set.entropy -= p * std::log(p);
  set.entropy += 2 * std::log(pixels->side);
  set.limits = pixels->limits();
  set.edges = true;
  set_moments(set, *pixels);
  return set;
}

DataSet picture(const std::string& file, Dense dense) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  require<Error>(!bytes.empty(), "{}: cannot be read, or is empty", file);
  const bool png = bytes.starts_with("\x89PNG");  // whatever its name says
  return picture(png ? decode_png(bytes, file) : decode_pgm(bytes, file), file, dense);
}

}  // namespace gradflow
