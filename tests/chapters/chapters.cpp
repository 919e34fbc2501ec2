// chapters: turns the code of a README.md into programs and tests. See chapter.h for what a chapter
// is, and CMakeLists.txt for how these commands are used.
//
//   chapters write README.md NAME OUT       writes OUT/float.cpp, OUT/double.cpp: a program for
//   each
//                                           precision, which takes the number of the block to run;
//                                           and OUT/tests.cmake: a test for each block
//   chapters run README.md N PROGRAM        runs block N and compares what it prints
//   chapters excerpt README.md N ROOT       looks for excerpt N in its file under ROOT
//   chapters links README.md                looks for the files to which the text links
//   chapters update README.md FLOAT DOUBLE  runs all blocks with these two programs and puts what
//                                           they print into the text: for the author, who reads it
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "tests/chapters/chapter.h"

namespace chapters {
namespace {

namespace fs = std::filesystem;

// --- The programs ------------------------------------------------------------------------------

// The file is left alone if it would not change, so that nothing is compiled for a change of prose.
void write_file(const fs::path& path, const std::string& text) {
  std::ifstream old(path);
  std::ostringstream before;
  before << old.rdbuf();
  if (old && before.str() == text) return;
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) throw std::runtime_error(fmt::format("{}: cannot be written", path.string()));
}

bool is_include(const std::string& line) { return line.starts_with("#include"); }

// The code under its own line numbers, so that the compiler's messages point into the chapter.
// Includes, which stand at the program's top, leave an empty line.
std::string code_of(const Block& block, const fs::path& chapter) {
  std::string text = fmt::format("#line {} \"{}\"\n", block.first_line, chapter.string());
  for (const std::string& line : block.code) {
    const bool is_main = block.kind == Block::Kind::program && line.starts_with("int main(");
    text += is_include(line) ? "" : is_main ? "auto run_main(" + line.substr(9) : line;
    text += '\n';
  }
  return text;
}

std::string function_of(const Block& block, const fs::path& chapter) {
  const std::string code = code_of(block, chapter);
  if (block.kind == Block::Kind::program)
    return fmt::format(
        "namespace gradflow::block_{0}_program {{\n{1}}}\n"
        "namespace gradflow {{ void block_{0}() {{ block_{0}_program::run_main(); }} }}\n",
        block.number, code);
  if (block.kind == Block::Kind::definitions)
    return fmt::format("namespace gradflow {{\n{}}}\n", code);
  return fmt::format("namespace gradflow {{\nvoid block_{}() {{\n{}}}\n}}\n", block.number, code);
}

std::string program(const Chapter& chapter, const fs::path& path, bool in_double) {
  std::set<std::string> includes{"#include <cstdio>", "#include <cstdlib>", "#include <exception>"};
  std::string functions, calls;
  for (const Block& block : chapter.blocks) {
    if (block.kind == Block::Kind::excerpt) continue;
    for (const std::string& line : block.code)  // what one block includes, all blocks have
      if (is_include(line)) includes.insert(line);
    if (block.runs() && block.in_double != in_double) continue;
    functions += function_of(block, path);
    if (block.runs())
      calls += fmt::format("    case {0}: gradflow::block_{0}(); break;\n", block.number);
  }
  if (calls.empty()) return "int main() { return 2; }\n";
  return fmt::format(
      "{}\n{}\n"
      "#line 1 \"the test program's main\"\n"
      "int main(int, char** arguments) try {{\n"
      "  switch (std::atoi(arguments[1])) {{\n{}    default: return 2;\n  }}\n"
      "}} catch (const std::exception& error) {{\n"
      "  std::printf(\"error: %s\\n\", error.what());\n"
      "}}\n",
      fmt::join(includes, "\n"), functions, calls);
}

// --- The tests ---------------------------------------------------------------------------------

// Read by ctest; `chapters`, `root`, `float` and `double` are set where it is included.
std::string tests(const Chapter& chapter, const fs::path& path, const std::string& name) {
  std::string text;
  const auto add = [&](const std::string& what, const std::string& command) {
    const std::string title = fmt::format("chapter: {}, {}", name, what);
    text += fmt::format(
        "add_test(\"{0}\" \"${{chapters}}\" {1})\n"
        "set_tests_properties(\"{0}\" PROPERTIES TIMEOUT 120 WORKING_DIRECTORY "
        "\"${{directory}}\")\n",
        title, command);
  };
  for (const Block& block : chapter.blocks) {
    const std::string what = fmt::format("block {}", block.number);
    if (block.runs())
      add(what, fmt::format("run \"{}\" {} \"${{{}}}\"", path.string(), block.number,
                            block.in_double ? "double" : "float"));
    else if (block.kind == Block::Kind::excerpt)
      add(what, fmt::format("excerpt \"{}\" {} \"${{root}}\"", path.string(), block.number));
  }
  add("links", fmt::format("links \"{}\"", path.string()));
  return text;
}

// --- Running and comparing ---------------------------------------------------------------------

// What `program number` prints. Throws if it does not end well.
Lines printed(const std::string& program, int number) {
  const std::string command = fmt::format("\"{}\" {}", program, number);
  FILE* const pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string text;
  std::array<char, 4096> part;
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe))
    text.append(part.data(), n);
  if (const int status = pclose(pipe))
    throw std::runtime_error(fmt::format("{} ended with status {}", command, status));
  Lines lines;
  std::istringstream stream_of_lines(text);
  for (std::string line; std::getline(stream_of_lines, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    lines.push_back(line);
  }
  return lines;
}

const Block& find_block(const Chapter& chapter, const std::string& number) {
  for (const Block& block : chapter.blocks)
    if (std::to_string(block.number) == number) return block;
  throw std::runtime_error("no block " + number + "; build the chapter's programs again");
}

bool run(const fs::path& path, const std::string& number, const std::string& program) {
  const Chapter chapter = read_chapter(path);
  const Block& block = find_block(chapter, number);
  const Lines expected = block.output.value_or(Lines{});
  const Lines lines = printed(program, block.number);
  if (lines == expected) return true;
  fmt::print("{}:{}: block {} prints something else than the text says.\n", path.string(),
             block.first_line, number);
  for (std::size_t i = 0; i < std::max(lines.size(), expected.size()); ++i) {
    const bool same = i < lines.size() && i < expected.size() && lines[i] == expected[i];
    if (same) fmt::print("    {}\n", lines[i]);
    if (!same && i < expected.size()) fmt::print("  - {}\n", expected[i]);
    if (!same && i < lines.size()) fmt::print("  + {}\n", lines[i]);
  }
  fmt::print("(- in the text, + printed)\n");
  return false;
}

// --- Excerpts and links ------------------------------------------------------------------------

std::string without_space(const std::string& text) {
  std::string result;
  for (const char c : text)
    if (!std::isspace(static_cast<unsigned char>(c))) result += c;
  return result;
}

// The pieces between lines of dots must stand in the file, in this order.
bool excerpt(const fs::path& path, const std::string& number, const fs::path& root) {
  const Chapter chapter = read_chapter(path);
  const Block& block = find_block(chapter, number);
  const std::string file =
      without_space(fmt::format("{}", fmt::join(read_lines(root / block.file), "\n")));
  std::size_t from = 0;
  std::string piece;
  std::size_t piece_line = block.first_line;
  const auto found = [&] {
    const std::size_t place = file.find(piece, from);
    if (place == std::string::npos) {
      fmt::print("{}:{}: these lines of block {} do not stand in {} any more.\n", path.string(),
                 piece_line, number, block.file);
      return false;
    }
    from = place + piece.size();
    return true;
  };
  for (std::size_t i = 0; i < block.code.size(); ++i) {
    const std::string line = without_space(block.code[i]);
    if (line != "..." && line != "//...") {
      piece += line;
      continue;
    }
    if (!found()) return false;
    piece.clear();
    piece_line = block.first_line + i + 1;
  }
  return found();
}

// Of the prose: code, whether in a block or within a line, has brackets of its own.
bool links(const fs::path& path) {
  const std::regex link(R"re((?:\]\(|src="|href=")([^)#"\s]+))re"), code("`[^`]*`");
  bool all = true, in_block = false;
  const Lines lines = read_lines(path);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("```")) in_block = !in_block;
    if (in_block) continue;
    const std::string prose = std::regex_replace(lines[i], code, "`code`");
    for (std::sregex_iterator at(prose.begin(), prose.end(), link), end; at != end; ++at) {
      const std::string target = (*at)[1];
      if (target.find("://") != std::string::npos || fs::exists(path.parent_path() / target))
        continue;
      fmt::print("{}:{}: {} is not there\n", path.string(), i + 1, target);
      all = false;
    }
  }
  return all;
}

// --- For the author ----------------------------------------------------------------------------

void update(const fs::path& path, const std::string& in_float, const std::string& in_double) {
  const Chapter chapter = read_chapter(path);
  std::string text;
  std::size_t line = 1;  // the next one to be copied
  const auto copy_before = [&](std::size_t end) {
    for (; line < end; ++line) text += chapter.lines[line - 1] + "\n";
  };
  for (const Block& block : chapter.blocks) {
    if (!block.runs()) continue;
    const Lines lines = printed(block.in_double ? in_double : in_float, block.number);
    if (!block.output && lines.empty()) continue;
    copy_before(block.output ? block.output_line : block.first_line + block.code.size() + 1);
    if (!block.output) text += "\n```text\n";
    for (const std::string& result : lines) text += result + "\n";
    if (!block.output) text += "```\n";
    if (block.output) line += block.output->size();
  }
  copy_before(chapter.lines.size() + 1);
  write_file(path, text);
}

bool command(const std::vector<std::string>& words) {
  const auto is = [&](const char* name, std::size_t arguments) {
    return words.size() == arguments + 1 && words[0] == name;
  };
  if (is("write", 3)) {
    const Chapter chapter = read_chapter(words[1]);
    const fs::path out = words[3];
    write_file(out / "float.cpp", program(chapter, words[1], false));
    write_file(out / "double.cpp", program(chapter, words[1], true));
    write_file(out / "tests.cmake", tests(chapter, words[1], words[2]));
    return true;
  }
  if (is("run", 3)) return run(words[1], words[2], words[3]);
  if (is("excerpt", 3)) return excerpt(words[1], words[2], words[3]);
  if (is("links", 1)) return links(words[1]);
  if (is("update", 3)) {
    update(words[1], words[2], words[3]);
    return true;
  }
  throw std::runtime_error("chapters: unknown command; see the first lines of chapters.cpp");
}

}  // namespace
}  // namespace chapters

int main(int count, char** words) try {
  return chapters::command({words + 1, words + count}) ? 0 : 1;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
