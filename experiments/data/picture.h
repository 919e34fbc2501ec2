// A picture as a density: where it is bright there are many points (or where it is dark, like ink).
//
//   p(pixel) = brightness / sum,   log p(x) = log p(pixel of x) - log (area of a pixel)
//
// The one idea: a density of constant pieces is drawn exactly (a pixel by its share, then a place
// in it), and its entropy is a sum over pixels. So any picture of one's own has a floor, too.
//
// It is read from a PNG file, if libpng was there when this was built, or from a PGM file, which is
// what every program can write: convert photo.jpg photo.pgm
#pragma once

#include <string>
#include <vector>

#include "experiments/data/data_set.h"

namespace gradflow {

enum class Dense { where_bright, where_dark };

struct Picture {  // grey, the highest row first
  Index width = 0, height = 0;
  std::vector<double> brightness = {};  // 0 to 1
};

// From the bytes of a PGM file: P2 (as text) or P5 (as bytes), up to 65535 shades. `name` is for
// the messages. Throws Error for anything else, and for what is cut short.
Picture decode_pgm(const std::string& bytes, const std::string& name);
// From those of a PNG file of any kind: colours become grey, of 256 shades, and what can be seen
// through is laid on black. Throws Error likewise, and where libpng was not there.
Picture decode_png(const std::string& bytes, const std::string& name);
// Throws Error for a picture of more pixels than anybody means.
void check_size_of_picture(Index width, Index height, const std::string& name);

// Whether a file is one of these, by its name: *.pgm, *.png.
bool is_picture(const std::string& file);

// The longer side reaches from -2 to 2, the middle is at (0, 0). Throws ShapeError for a picture
// that is of one shade where there should be something.
DataSet picture(const Picture& picture, std::string name, Dense dense = Dense::where_bright);
DataSet picture(const std::string& file, Dense dense = Dense::where_bright);  // a file

}  // namespace gradflow
