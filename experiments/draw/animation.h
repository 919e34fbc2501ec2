// Animations: figures that follow one another, joined to a GIF.
//
// The one idea: a frame is a figure like any other, drawn by draw(), with antialiasing and
// transparency; gnuplot's own GIFs have neither. ImageMagick's `convert` joins them.
#pragma once

#include "experiments/draw/figure.h"

namespace gradflow {

struct Animation {                       // what animate() makes a GIF of
  std::string name = {};                 // of its file, without a directory
  std::vector<PointFigure> frames = {};  // their names are given by animate()
  int delay = 5;                         // from frame to frame, in hundredths of a second
  int pause = 200;                       // after the last one; then it begins again
};

// Draws the frames, on all threads, and joins their tables to <directory>/<name>.csv and their
// pictures to <directory>/<name>.gif. False, with a line on stderr, if there is no `convert`: the
// frames are kept then, in <directory>/<name>_frames. Throws FigureError if a frame cannot be drawn
// or `convert` fails; FileError if a table cannot be written.
bool animate(Animation animation, const FigureOptions& options);

}  // namespace gradflow
