// The progress bar on terminals of any width: it is redrawn in its own line.
#include "experiments/run/progress.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>

#include <cstdlib>
#include <string>

#include "tests/catch.h"

using namespace gradflow;

namespace {

// What a terminal does with text, as far as is of interest here: in which line the cursor is.
class Screen {
 public:
  explicit Screen(Index columns) : columns_(columns) {}

  void show(const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const unsigned char c = static_cast<unsigned char>(text[i]);
      if (c == '\r') {
        column_ = 0;
      } else if (c == '\n') {
        ++line_;
      } else if (c == 033) {  // ESC [ K: clears to the end of the line
        i += 2;
      } else if ((c & 0xc0) != 0x80) {  // the first byte of a character
        if (column_ == columns_) {
          column_ = 0;
          ++line_;
        }
        ++column_;
      }
    }
  }
  Index line() const { return line_; }

 private:
  Index columns_, column_ = 0, line_ = 0;
};

const Progress kPlaces[] = {
    {1, 20, 1, 1954, 2.1234, 950},
    {20, 20, 1954, 1954, 1.5, 12345},
    {7, 100'000, 3, 8, 239'863.5, 0.01},
    {1, 1, 1, 1, std::numeric_limits<double>::quiet_NaN(), 1e9},
    {3, 6, 100, 200, -1e300, 1},
};

}  // namespace

TEST_CASE("progress: a redrawn bar stays in its line, whatever the width") {
  for (Index columns = 1; columns <= 200; ++columns)
    for (const Progress& place : kPlaces) {
      const std::string line = progress_line(place, columns);
      CAPTURE(columns, line);
      Screen screen(columns);
      for (int i = 0; i < 3; ++i) screen.show("\r\033[K" + line);
      CHECK(screen.line() == 0);
    }
}

TEST_CASE("progress: the wider the terminal, the more is told") {
  const Progress& place = kPlaces[0];
  std::size_t before = 0;
  for (Index columns = 1; columns <= 120; ++columns) {
    const std::string line = progress_line(place, columns);
    CHECK(line.size() >= before);
    before = line.size();
  }
  CHECK(progress_line(place, 1).empty());
  CHECK(progress_line(place, 5) == "  0%");
  CHECK(progress_line(place, 80).find("epoch 1/20  loss 2.1234  950 steps/s  ETA 0:41") !=
        std::string::npos);
}

TEST_CASE("progress: on a real terminal of any width a training draws in one line", "[slow]") {
  for (const Index columns : {1, 2, 5, 10, 20, 30, 40, 49, 50, 51, 60, 80, 200}) {
    CAPTURE(columns);
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(terminal >= 0);
    REQUIRE(::grantpt(terminal) == 0);
    REQUIRE(::unlockpt(terminal) == 0);
    const int program = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
    REQUIRE(program >= 0);
    const winsize size{24, static_cast<unsigned short>(columns), 0, 0};
    REQUIRE(::ioctl(program, TIOCSWINSZ, &size) == 0);
    std::fflush(stdout);  // what waits there would be written by the child, too
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(program, STDOUT_FILENO);
      {
        ProgressBar bar("model");
        for (int i = 0; i < 3; ++i) {
          bar.on_step(kPlaces[0]);
          ::usleep(110'000);
        }
      }
      ::_exit(0);
    }
    ::close(program);
    std::string text;
    char block[1024];
    for (ssize_t n = 0; (n = ::read(terminal, block, sizeof(block))) > 0;)
      text.append(block, static_cast<std::size_t>(n));
    ::close(terminal);
    int status = 0;
    ::waitpid(pid, &status, 0);
    CHECK(status == 0);
    CHECK(text.find("\033[K") != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
    Screen screen(columns);
    screen.show(text);
    CHECK(screen.line() == 0);
  }
}
