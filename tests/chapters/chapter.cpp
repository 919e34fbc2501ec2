#include "tests/chapters/chapter.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace chapters {
namespace {

constexpr const char* kFence = "```";

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

bool contains_line_beginning(const Lines& code, const std::string& start) {
  for (const std::string& line : code)
    if (line.starts_with(start)) return true;
  return false;
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path)
      : path_(path), chapter_{read_lines(path), {}} {}

  Chapter read() {
    for (std::size_t i = 0; i < chapter_.lines.size(); ++i) {
      const std::string line = trimmed(chapter_.lines[i]);
      if (!line.starts_with(kFence)) {
        if (!line.empty()) follows_code_ = false;
        continue;
      }
      if (!chapter_.lines[i].starts_with(kFence)) fail(i, "a code block that is indented");
      const std::size_t end = end_of(i);
      take(trimmed(line.substr(3)), i + 1, end);
      i = end;
    }
    return std::move(chapter_);
  }

 private:
  [[noreturn]] void fail(std::size_t line, const std::string& what) const {
    throw std::runtime_error(fmt::format("{}:{}: {}", path_.string(), line + 1, what));
  }

  std::size_t end_of(std::size_t begin) const {
    for (std::size_t i = begin + 1; i < chapter_.lines.size(); ++i)
      if (trimmed(chapter_.lines[i]) == kFence) return i;
    fail(begin, "a code block without an end");
  }

  // The block of lines begin .. end-1 with `info` behind its opening fence.
  void take(const std::string& info, std::size_t begin, std::size_t end) {
    const auto at = [&](std::size_t i) { return chapter_.lines.begin() + static_cast<long>(i); };
    const Lines content(at(begin), at(end));
    std::istringstream words(info);
    std::string language;
    words >> language;
    if (language == "cpp") {
      add_code(words, content, begin);
    } else if (language == "diff") {
      add_diff(words, content, begin);
    } else if (language == "text") {
      if (!follows_code_)
        fail(begin - 1, "a ```text block that does not follow a block that is run");
      chapter_.blocks.back().output = content;
      chapter_.blocks.back().output_line = begin + 1;
      follows_code_ = false;
    } else {
      follows_code_ = false;
    }
  }

  void add_code(std::istringstream& words, const Lines& content, std::size_t begin) {
    Block block;
    for (std::string word; words >> word;) {
      if (word == "double") {
        block.in_double = true;
      } else if (word == "definitions") {
        block.kind = Block::Kind::definitions;
      } else if (word == "excerpt" && words >> block.file) {
        block.kind = Block::Kind::excerpt;
      } else {
        fail(begin - 1, fmt::format("\"{}\" behind ```cpp; it is double, definitions or "
                                    "excerpt FILE",
                                    word));
      }
    }
    if (block.kind == Block::Kind::body && contains_line_beginning(content, "int main("))
      block.kind = Block::Kind::program;
    add(std::move(block), content, begin);
  }

  // What is left of a change without the lines that it adds is an excerpt.
  void add_diff(std::istringstream& words, Lines content, std::size_t begin) {
    Block block;
    block.kind = Block::Kind::excerpt;
    if (!(words >> block.file)) fail(begin - 1, "a ```diff without the name of its file");
    for (std::string& line : content)
      line = line.starts_with("+") ? "..." : line.substr(line.starts_with(" "));
    add(std::move(block), content, begin);
  }

  void add(Block block, const Lines& code, std::size_t begin) {
    block.number = static_cast<int>(chapter_.blocks.size()) + 1;
    block.first_line = begin + 1;
    block.code = code;
    follows_code_ = block.runs();
    chapter_.blocks.push_back(std::move(block));
  }

  std::filesystem::path path_;
  Chapter chapter_;
  bool follows_code_ = false;  // only empty lines since the end of a block that is run
};

}  // namespace

Lines read_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(fmt::format("{}: cannot be read", path.string()));
  Lines lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

Chapter read_chapter(const std::filesystem::path& path) { return Reader(path).read(); }

}  // namespace chapters
