// Pictures below one another in one: rows of a figure that is too large to be drawn at once.
//
// Read next: animation.h, which joins pictures one after another.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gradflow {

// Joins <directory>/<name>.png, for these names from top to bottom, to the picture `to`, its sides
// scaled to so many percent. False, with a line on stderr, if there is no ImageMagick, whose
// `convert` does it. Throws FigureError if that fails, FileError if `directory` is read-only.
bool stack(const std::filesystem::path& directory, const std::vector<std::string>& names,
           const std::filesystem::path& to, int percent);

}  // namespace gradflow
