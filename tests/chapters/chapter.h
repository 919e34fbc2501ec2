// A chapter: a README.md whose code is compiled and run, and whose results are compared.
//
// The one idea: the text is the source. Nothing that a chapter shows can go stale, because the test
// suite reads the same file as the reader. The word after ```cpp says what a block of code is:
//
//   ```cpp                  the body of a function that is run; #include lines go to the top
//                           of the program. With `int main()` in it: a program of its own.
//   ```cpp double           the same, with real = double
//   ```cpp definitions      functions and types for the later blocks; nothing is run
//   ```cpp excerpt a/b.h    lines that stand in the file a/b.h, but for white space; a line of
//                           dots alone skips some
//   ```diff a/b.h           a change of the file a/b.h: what is not added must stand there
//   ```text                 directly behind a block that is run: what it prints, to the letter
//
// Bodies and definitions stand inside namespace gradflow; what one block includes, the whole
// chapter has. A block that is not followed by a ```text prints nothing. A block that throws prints
// "error: " and the message. Each block runs by itself: variables of an earlier one are not there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace chapters {

using Lines = std::vector<std::string>;

struct Block {
  enum class Kind { body, program, definitions, excerpt };
  bool runs() const { return kind == Kind::body || kind == Kind::program; }

  Kind kind = Kind::body;
  bool in_double = false;
  std::string file = {};             // of an excerpt
  int number = 0;                    // its place among the chapter's blocks, from 1
  std::size_t first_line = 0;        // of the code, in the file, counted from 1
  Lines code = {};                   //
  std::optional<Lines> output = {};  // the ```text block, if there is one
  std::size_t output_line = 0;       // its first line
};

struct Chapter {
  Lines lines;
  std::vector<Block> blocks;
};

// Throws std::runtime_error ("file:line: what is wrong") for a file that cannot be read, a block
// without an end, an unknown word behind ```cpp, a ```text that follows no code.
Chapter read_chapter(const std::filesystem::path& path);

Lines read_lines(const std::filesystem::path& path);

}  // namespace chapters
