// Runs gnuplot on a script, safely: it comes to an end, and what it complains of becomes one line.
//
// The one idea: gnuplot reports trouble in three places, its exit status, its stderr and the image
// it leaves behind, and none of them alone can be trusted. All three are looked at, and only when
// they agree is there an image.
//
// Read next: sheet.h, which writes the scripts; ../run/process.h, how a program is run.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace gradflow {

// A figure that could not be drawn; what() is one line, fit to be shown to the user as it is.
class FigureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Draws <directory>/<name>.<format> with <name>.gp, where `format` is "png", "svg" or "pdf".
// The script runs in `directory` with two variables set: `format`, and `file`, the file to write.
// To be called in a directory that nobody else writes to, as what a failure leaves is not removed.
// Throws FigureError: no gnuplot, an error in the script, more than 60 s (or what the environment's
// GRADFLOW_GNUPLOT_SECONDS says; after that no other script is tried), an incomplete image.
void run_gnuplot(const std::filesystem::path& directory, const std::string& name,
                 const std::string& format);

// A string literal of gnuplot's language, safe for any text.
std::string gnuplot_quoted(const std::string& text);

}  // namespace gradflow
