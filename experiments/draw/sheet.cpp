// Writing a figure's files. The order matters: the table first, then the script, then the image,
// so that whatever goes wrong the numbers are safe. Another run may write the same figure at the
// same time: each draws in a directory of its own, from its own table and script, and renames the
// image.
#include "experiments/draw/sheet.h"

#include <gnuplot-iostream.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <system_error>

#include "experiments/run/files/file.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

// gnuplot-iostream writes the script here and is not used as a pipe: no error comes back by one.
void write_script(const fs::path& path, const std::string& text) {
  Gnuplot out(">" + path.string());
  out << text;
  out.flush();
  check_figure(out.good(), path.string(), "cannot be written");
}

// The images of an earlier table. Each is replaced when its successor is whole; those that are left
// go in the end, as no image may be older than its numbers.
class OlderImages {
 public:
  OlderImages(const fs::path& directory, const std::string& name) {
    for (const char* ending : {".png", ".svg", ".pdf"}) left_.insert(directory / (name + ending));
  }
  ~OlderImages() {
    std::error_code ignored;
    for (const fs::path& image : left_) fs::remove(image, ignored);
  }
  OlderImages(const OlderImages&) = delete;
  OlderImages& operator=(const OlderImages&) = delete;

  void replace(const fs::path& image, const fs::path& by) {
    fs::rename(by, image);
    left_.erase(image);
  }

 private:
  std::set<fs::path> left_;
};

}  // namespace

void check_figure(bool holds, const std::string& name, const std::string& otherwise) {
  if (!holds) throw FigureError(fmt::format("{}: {}", name, otherwise));
}

void check_range(Interval range, const std::string& name) {
  check_figure(std::isfinite(range.high - range.low) && range.low < range.high, name,
               fmt::format("no range: {} to {}", range.low, range.high));
}

void palette(Sheet& sheet, const Interval& range) {  // viridis
  sheet.say(
      "set palette maxcolors 0 defined (0 '#440154', 1 '#482878', 2 '#3e4a89', 3 '#31688e', "
      "4 '#26828e', 5 '#1f9e89', 6 '#35b779', 7 '#6ece58', 8 '#b5de2b', 9 '#fde725')");
  sheet.say("set cbrange [{}:{}]", range.low, range.high);
}

Sheet::Sheet(std::string name, double width, double height, bool markup) : name_(std::move(name)) {
  const bool plain = !name_.empty() && name_.find_first_of("/\n") == std::string::npos &&
                     name_.front() != '-' && name_.front() != '.';
  check_figure(plain, "a figure's name", "not fit for a file: '" + name_ + "'");
  const std::string_view texts = markup ? "enhanced" : "noenhanced";
  say("# Draws {0}.csv. Again, in this directory: gnuplot {0}.gp", name_);
  say("# As another format, svg or pdf: gnuplot -e \"format = 'svg'\" {}.gp", name_);
  say("reset");
  say("if (!exists('format')) format = 'png'");
  say("if (!exists('file')) file = {}.format", gnuplot_quoted(name_ + "."));
  say("if (format eq 'png') set terminal pngcairo size {:.0f},{:.0f} font 'Open Sans,10' "
      "fontscale 2 linewidth 2 pointscale 2 dashlength 2 {}",
      2 * width, 2 * height, texts);
  say("if (format eq 'svg') set terminal svg size {:.0f},{:.0f} font 'Open Sans,13' "
      "background '#ffffff' {}",
      width, height, texts);
  say("if (format eq 'pdf') set terminal pdfcairo size {:.3f}in,{:.3f}in font 'Open Sans,10' "
      "fontscale 0.75 linewidth 1.5 {}",
      width / 96, height / 96, texts);
  say("dot = format eq 'png' ? 1 : 0.75  # the terminals differ in what a point size means");
  say("set encoding utf8");
  say("set minussign");
  say("set datafile separator comma");
  say("data = {}", gnuplot_quoted(name_ + ".csv"));
  say("set output file\n");
  say("set border linecolor '#9aa0a8' linewidth 0.8");
  say("set tics nomirror out scale 0.4 textcolor '#333333'");
  say("set xtics offset 0,0.4; set xlabel offset 0,0.9");
  say("set title offset 0,-0.6");
  say("set grid linetype 1 linecolor '#eceef1' linewidth 0.8");
  say("set style textbox opaque noborder fillcolor '#40ffffff' margins 0.4,0.2");
}

void Sheet::plot(const std::vector<std::string>& elements) {
  say("plot {}", fmt::join(elements, ", \\\n     "));
}

void Sheet::add_vector_columns() {
  table_.insert(table_.size() - 1, ",dx,dy");
  vector_columns_ = true;
}

std::string Sheet::rows(std::size_t panel, const std::string& series, std::string_view kind,
                        const Points2& points, const std::vector<double>& t,
                        const Points2& vectors) {
  // A doubled quote is right in a CSV but crashes gnuplot 5.4, hence the single one.
  std::string field = series;
  std::ranges::replace(field, '"', '\'');
  std::ranges::replace_if(
      field, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  if (field.find(',') != std::string::npos) field = '"' + field + '"';
  const auto end = std::back_inserter(table_);
  for (std::size_t i = 0; i < points.size(); ++i) {
    fmt::format_to(end, "{},{},{},{},{},{},", panel, field, kind, i, points[i][0], points[i][1]);
    if (!t.empty()) fmt::format_to(end, "{}", t[i]);
    if (!vectors.empty()) fmt::format_to(end, ",{},{}", vectors[i][0], vectors[i][1]);
    if (vectors.empty() && vector_columns_) table_ += ",,";
    table_ += '\n';
  }
  const std::size_t first = std::exchange(rows_, rows_ + points.size());

  return fmt::format("data skip 1 every ::{}::{}", first, rows_ - 1);
}

void Sheet::save(const FigureOptions& options) const {
  try {
    const fs::path directory = fs::absolute(options.directory);
    fs::create_directories(directory);
    const DraftDirectory own(directory / name_);
    const std::string table = name_ + ".csv", script = name_ + ".gp";
    write_file(own.path() / table, table_);
    write_file(directory / table, table_);
    OlderImages older(directory, name_);
    write_script(own.path() / script, script_);
    fs::rename(own.path() / script, directory / script);
    write_script(own.path() / script, script_);  // once more, for gnuplot
    const auto draw_as = [&](const std::string& format) {
      run_gnuplot(own.path(), name_, format);
      const std::string image = name_ + "." + format;
      older.replace(directory / image, own.path() / image);
    };
    draw_as("png");
    if (options.svg) draw_as("svg");
    if (options.pdf) draw_as("pdf");
  } catch (const std::system_error& error) {  // of std::filesystem, or a file that does not open
    throw FigureError(fmt::format("{}: {}", name_, error.what()));
  }
}

void Legend::add(const std::string& label, const std::string& look) {
  if (label.empty() || std::ranges::find(labels_, label) != labels_.end()) return;
  labels_.push_back(label);
  entries_.push_back(fmt::format("keyentry {} title {}", look, gnuplot_quoted(label)));
  width_ = std::max(width_, text_width(label) + 50);
}

// gnuplot makes all columns as wide as the widest entry.
double Legend::lines(double width) const {
  const double columns = std::max(1.0, std::floor(width / width_));
  return std::ceil(static_cast<double>(entries_.size()) / columns);
}

double Legend::height(double width) const {
  return entries_.empty() ? 0 : lines(width) * kLine + 8;
}

const std::vector<std::string>& Legend::place(Sheet& sheet, double width, double height) const {
  sheet.say(
      "set key at screen 0.5,{:.5f} center bottom vertical maxrows {} Left reverse samplen 1.5",
      4 / height, lines(width));
  return entries_;
}

void Extent::add(double value) {
  if (!(std::abs(value) < 1e30) || (log_ && value <= 0)) return;
  const double position = log_ ? std::log10(value) : value;
  low_ = std::min(low_, position);
  high_ = std::max(high_, position);
}

Interval Extent::padded(double share) const {
  if (low_ > high_) return log_ ? Interval{1, 10} : Interval{-1, 1};
  const double pad = high_ > low_ ? share * (high_ - low_) : 0.5;
  if (log_) return {std::pow(10.0, low_ - pad), std::pow(10.0, high_ + pad)};
  return {low_ - pad, high_ + pad};
}

Ticks nice_ticks(Interval range, double most, bool whole) {
  const double least = (range.high - range.low) / most;
  double power = std::floor(std::log10(least));
  if (whole) power = std::max(power, 0.0);
  double step = std::pow(10.0, power);
  for (const double factor : {2.0, 2.5, 2.0}) {  // 1, 2, 5, 10
    if (step < least) step *= factor;
  }
  power = std::floor(std::log10(step) + 1e-9);
  const bool plain = power > -5 && power < 6;
  return {step, plain ? static_cast<int>(std::max(0.0, -power)) : -1};
}

std::string Ticks::format() const { return decimals < 0 ? "%g" : fmt::format("%.{}f", decimals); }

double Ticks::width(Interval range) const {
  const auto digits = [this](double value) {
    return decimals < 0 ? fmt::format("{:g}", step) : fmt::format("{:.{}f}", value, decimals);
  };
  return std::max(text_width(digits(range.low)), text_width(digits(range.high)));
}

// #AARRGGBB, where AA = 0 is opaque.
std::string gnuplot_color(Color color, double opacity) {
  const auto alpha = static_cast<unsigned>(std::lround(255 * (1 - std::clamp(opacity, 0.0, 1.0))));
  return fmt::format("'#{:02x}{:06x}'", alpha, color & 0xFFFFFFu);
}

double text_width(std::string_view text) {
  const auto is_character = [](char c) { return (c & 0xC0) != 0x80; };  // of UTF-8, its first byte
  return kCharacter * static_cast<double>(std::ranges::count_if(text, is_character));
}

}  // namespace gradflow
