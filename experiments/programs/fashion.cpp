// fashion: pictures of clothes, drawn by class: flow matching with guidance on Fashion-MNIST.
//
// The one idea: images of 28 x 28 pixels are points of 784 coordinates, and most of what they
// differ in lies along a few of them. So flow matching learns their principal components, with the
// very network and loss that learn the rings. Whether it has learned is asked twice: are the
// samples as far from test images as other true images are (energy distance), and are they as far
// from the nearest training image as test images are, or were these learned by heart?
//
//   apt-get install dataset-fashion-mnist
//   fashion              fashion.pgm, ten of each class; numbers in report.json
//   fashion --quick      a small run
//
// Any files in the format of MNIST may take its place (--data), of up to 256 classes.
//
// Read next: experiments/table/read/idx.h, experiments/data/principal.h, flows/matching/guidance.h,
// experiments/metrics/distances.h.
//   Xiao, Rasul and Vollgraf, "Fashion-MNIST" (2017), arXiv:1708.07747
#include <algorithm>
#include <cmath>

#include "autograd/ops.h"
#include "experiments/data/principal.h"
#include "experiments/metrics/distances.h"
#include "experiments/run/experiment.h"
#include "experiments/run/files/file.h"
#include "experiments/table/read/idx.h"
#include "flows/matching/assignment.h"
#include "flows/matching/guidance.h"

namespace gradflow {
namespace {

using nlohmann::json;

constexpr const char* kName = "fashion";

struct Own {  // settings of this model
  std::string data = "/usr/share/datasets/fashion-mnist";
  Index classes = 10, components = 64, width = 512, solver_steps = 12, judged = 1000;
  double guidance = 0.5;
};

Settings settings_of(Own& own) {
  return {{.name = "data",
           .help = "Directory of train- and t10k-images-idx3-ubyte and -labels-idx1-ubyte, .gz or "
                   "not",
           .values = "DIRECTORY",
           .read = [&own](const std::string& text) { own.data = text; },
           .text = [&own] { return own.data; }},
          setting("classes", own.classes, Range<Index>{1, 256}, "Classes that there are"),
          setting("components", own.components, Range<Index>{1, 4096},
                  "Principal components of the images that are learned"),
          setting("width", own.width, Range<Index>{1, 4096}, "Units of each of four hidden layers"),
          setting("guidance", own.guidance, Range<double>{0, 10},
                  "How far the picture's samples exaggerate their class; 0: not at all"),
          setting("solver_steps", own.solver_steps, Range<Index>{1, 10'000},
                  "Steps of Runge-Kutta 4 from noise to an image"),
          setting("judged", own.judged, Range<Index>{10, 5000},
                  "Samples and test images that are compared")};
}

LabelledImages read_part(const Own& own, const std::string& part) {
  const auto open = [&](const char* what) {
    const std::string path = own.data + "/" + part + what;
    const bool plain = std::filesystem::exists(path);
    return inflated_if_gzip(open_source(plain ? path : path + ".gz"));
  };
  Source pixels = open("-images-idx3-ubyte"), labels = open("-labels-idx1-ubyte");
  LabelledImages images = read_images(std::move(pixels), std::move(labels));
  const Index last = std::ranges::max(images.data.labels);
  require<FileError>(last < own.classes, "{}: {} has a label {}; 0 to {} are required", kName, part,
                     last, own.classes - 1);
  return images;
}

// The rows that come first in a random order, or all if there are less.
Data some(const Data& data, Index count, Rng& rng) {
  std::vector<Index> order = rng.permutation(data.size());
  order.resize(static_cast<std::size_t>(std::min(count, data.size())));
  return data.rows(order);
}

// What is learned from, and the way between images and components.
struct Wardrobe {
  Index height = 0, width = 0;
  PrincipalComponents principal = {};
  Tensor known = {};  // the components of all training images

  Data open(const Own& own, Index count, Rng& rng) {
    const LabelledImages images = read_part(own, "train");
    height = images.height, width = images.width;
    require(own.components <= height * width,
            "{}: --components {} of images of {} x {} pixels given; at most {}", kName,
            own.components, height, width, height * width);
    const Data chosen = some(images.data, count, rng);
    principal = PrincipalComponents::of(chosen.points, own.components, rng);
    known = principal.to_components(chosen.points);
    return {known, chosen.labels};
  }
  // Pixels are from 0 to 1: what a sample has beyond is cut off.
  Tensor images(const Tensor& components) const {
    return clamp(principal.to_data(components), 0, 1).value();
  }
};

// Components of samples from this noise, of these classes.
Tensor drawn(const Trained<FlowMatching>& trained, const Own& own, const Tensor& noise,
             const Labels& labels, double guidance) {
  const Field field = guided(trained.model, labels, static_cast<real>(guidance));
  return trained.in_data_units(
      integrate(field, noise, {0, 1}, runge_kutta4, {own.solver_steps}).value());
}

// From each of the points to the nearest of the known ones, sorted.
std::vector<double> nearest(const Tensor& points, const Tensor& known) {
  std::vector<double> distances;
  for (Index i = 0; i < points.rows(); ++i)
    distances.push_back(
        std::sqrt(std::ranges::min(squared_distances(points.rows(i, i + 1), known))));
  std::ranges::sort(distances);
  return distances;
}

// How many of the sorted numbers are below the limit, as a share.
double share_below(const std::vector<double>& sorted, double limit) {
  const auto below = std::ranges::lower_bound(sorted, limit) - sorted.begin();
  return static_cast<double>(below) / static_cast<double>(sorted.size());
}

json measure(const Trained<FlowMatching>& trained, const Own& own, const Wardrobe& wardrobe,
             const RunOptions& options) {
  Rng rng = Rng(options.training.seed).fork(100);
  const Data shuffled = some(read_part(own, "t10k").data, 2 * own.judged, rng);
  const Index half = shuffled.size() / 2;
  const Tensor test = shuffled.points.rows(0, half), again = shuffled.points.rows(half, 2 * half);
  const Labels labels(shuffled.labels.begin(), shuffled.labels.begin() + half);
  const Tensor noise = rng.normal({half, own.components});
  const Tensor plain = drawn(trained, own, noise, labels, 0);
  const Tensor guided = drawn(trained, own, noise, labels, own.guidance);
  const Tensor projected = wardrobe.principal.to_components(test);
  const auto far = [&](const Tensor& images) { return energy_distance(images, again); };
  const json energy{{"floor", far(test)},
                    {"components", far(wardrobe.images(projected))},
                    {"samples", far(wardrobe.images(plain))},
                    {"guided", far(wardrobe.images(guided))}};

  const std::vector<double> of_test = nearest(projected, wardrobe.known),
                            of_samples = nearest(plain, wardrobe.known),
                            of_guided = nearest(guided, wardrobe.known);
  const double close = of_test[of_test.size() / 20];
  const json to_nearest{{"test", median(of_test)},
                        {"samples", median(of_samples)},
                        {"guided", median(of_guided)},
                        {"samples_nearer_than_5_percent_of_test", share_below(of_samples, close)},
                        {"guided_nearer_than_5_percent_of_test", share_below(of_guided, close)}};
  say("{}: trained in {:.0f} s, loss {:.4f}\n"
      "energy distance of {} images to as many test images: others of the test {:.4f}, the same by "
      "their components {:.4f}, samples {:.4f}, guided ones {:.4f}\n"
      "to the nearest of {} training images (median): test images {:.2f}, samples {:.2f}, guided "
      "ones {:.2f}\n"
      "nearer than the nearest 5 % of the test images: {:.1f} % of the samples, {:.1f} % of the "
      "guided ones\n",
      kName, trained.history.seconds, trained.history.epochs.back().loss, half,
      energy["floor"].get<double>(), energy["components"].get<double>(),
      energy["samples"].get<double>(), energy["guided"].get<double>(), wardrobe.known.rows(),
      median(of_test), median(of_samples), median(of_guided), 100 * share_below(of_samples, close),
      100 * share_below(of_guided, close));
  return {{"energy_distance", energy}, {"nearest_training_image", to_nearest}};
}

// Images (rows columns, height width) side by side, a white line between them, dark on white.
std::string as_pgm(const Tensor& images, Index columns, Index height, Index width) {
  const Index rows = images.rows() / columns, tall = rows * (height + 1) - 1,
              wide = columns * (width + 1) - 1;
  std::string pixels(static_cast<std::size_t>(tall * wide), '\xff');
  for (Index i = 0; i < images.rows(); ++i)
    for (Index p = 0; p < height * width; ++p) {
      const Index y = i / columns * (height + 1) + p / width;
      const Index x = i % columns * (width + 1) + p % width;
      const double ink = images.data()[i * height * width + p];
      pixels[static_cast<std::size_t>(y * wide + x)] =
          static_cast<char>(static_cast<unsigned char>(std::lround(255 * (1 - ink))));
    }
  return fmt::format("P5 {} {} 255\n", wide, tall) + pixels;
}

// A row for each class, the same noise in each column.
void draw_classes(const Trained<FlowMatching>& trained, const Own& own, const Wardrobe& wardrobe,
                  const RunOptions& options) {
  constexpr Index kColumns = 10;
  Rng rng = Rng(options.training.seed).fork(200);
  Labels labels;
  std::vector<Index> columns;
  for (Index i = 0; i < own.classes * kColumns; ++i) {
    labels.push_back(i / kColumns);
    columns.push_back(i % kColumns);
  }
  const Tensor noise = kernel::gather(rng.normal({kColumns, own.components}), columns);
  const Tensor images = wardrobe.images(drawn(trained, own, noise, labels, own.guidance));
  write_file(options.out / "fashion.pgm",
             as_pgm(images, kColumns, wardrobe.height, wardrobe.width));
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  using namespace gradflow;
  Own own;
  Wardrobe wardrobe;
  return run_experiment<FlowMatching>(
      argc, argv,
      {.name = kName,
       .about = "Trains class-conditional flow matching on Fashion-MNIST and draws ten images of "
                "each class.",
       .settings = settings_of(own),
       .data = {.name = kName,
                .sample = [&](Index n, Rng& rng) { return wardrobe.open(own, n, rng); }},
       .make =
           [&](Rng& rng) {
             return FlowMatching(own.components,
                                 {.hidden = std::vector<Index>(4, own.width),
                                  .classes = own.classes,
                                  .activation = activations::silu,
                                  .waves = 3,
                                  .withheld = real(0.1)},
                                 rng);
           },
       .loss = [](const FlowMatching& model, const Data& batch,
                  Rng& rng) { return model.loss(batch, rng); },
       .training = {.epochs = 15, .batch = 256, .learning_rate = 1e-3},
       .points = 60'000,
       .measure =
           [&](const Trained<FlowMatching>& trained, const RunOptions& options) {
             return measure(trained, own, wardrobe, options);
           },
       .figures =
           [&](const Trained<FlowMatching>& trained, const Tensor&) {
             return std::vector<Drawing>{[&own, &wardrobe, trained](const RunOptions& options) {
               draw_classes(trained, own, wardrobe, options);
             }};
           }});
}
