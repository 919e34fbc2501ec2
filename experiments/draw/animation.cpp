#include "experiments/draw/animation.h"
#include "experiments/run/say.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "experiments/run/files/file.h"
#include "experiments/run/process.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::seconds kTimeLimit{600};

std::string frame_name(std::size_t i) { return fmt::format("frame_{:03}", i); }

// In the frames' directory, under a fixed name: convert would look for formats in a path with a
// `%`.
constexpr const char* kDraft = "animation.gif";

// One palette for all frames, or it would be stored with each; of a frame only what is new in it.
std::vector<std::string> convert_command(const Animation& animation) {
  std::vector<std::string> words{"convert", "-loop", "0", "-delay",
                                 std::to_string(animation.delay)};
  for (std::size_t i = 0; i < animation.frames.size(); ++i) {
    if (i + 1 == animation.frames.size())
      words.insert(words.end(), {"-delay", std::to_string(animation.pause)});
    words.push_back(frame_name(i) + ".png");
  }
  words.insert(words.end(), {"-scale", "50%", "+dither", "-colors", "64", "+map", "-layers",
                             "optimize", kDraft});
  return words;
}

// The tables of all frames as one, with the frame's number in front.
void join_tables(const fs::path& frames, std::size_t count, const fs::path& to) {
  std::string table;
  for (std::size_t i = 0; i < count; ++i) {
    std::ifstream in(frames / (frame_name(i) + ".csv"));
    std::string line;
    std::getline(in, line);
    if (i == 0) table = "frame," + line + "\n";
    while (std::getline(in, line)) table += fmt::format("{},{}\n", i, line);
  }
  write_file(to, table);
}

// One by one, so that those of an earlier run, or of another that ends just now, give way.
void keep_frames(const fs::path& frames, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& file : fs::directory_iterator(frames))
    fs::rename(file.path(), to / file.path().filename());
}

bool is_gif(const fs::path& path) {  // whole, from its first bytes to its last
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return bytes.starts_with("GIF89a") && bytes.ends_with(';');
}

}  // namespace

bool animate(Animation animation, const FigureOptions& options) {
  const fs::path kept = options.directory / (animation.name + "_frames");
  fs::create_directories(options.directory);
  const DraftDirectory own(kept);
  parallel_for(std::ssize(animation.frames), [&](Index i) {
    PointFigure& frame = animation.frames[static_cast<std::size_t>(i)];
    frame.name = frame_name(static_cast<std::size_t>(i));
    draw(frame, {.directory = own.path()});
  });
  join_tables(own.path(), animation.frames.size(), options.directory / (animation.name + ".csv"));
  const fs::path gif = fs::absolute(options.directory / (animation.name + ".gif"));
  const fs::path draft = own.path() / kDraft;
  const ProcessEnd end = run_process(own.path(), convert_command(animation), kTimeLimit);
  if (end.succeeded() && is_gif(draft)) {
    fs::rename(draft, gif);
    std::error_code ignored;
    fs::remove_all(kept, ignored);
    return true;
  }
  fs::remove(gif);  // it is older than its table
  if (end.kind == ProcessEnd::Kind::not_found) {
    keep_frames(own.path(), kept);
    complain(
        "{}: convert not found on PATH; it joins the frames in {}; hint: apt install "
        "imagemagick, then run again\n",
        gif.filename().string(), kept.string());
    return false;
  }
  throw FigureError(
      fmt::format("{}: convert did not make it: {}", gif.filename().string(),
                  end.kind == ProcessEnd::Kind::timed_out
                      ? fmt::format("it took more than {} s and was killed", kTimeLimit.count())
                      : last_line(end.messages)));
}

}  // namespace gradflow
