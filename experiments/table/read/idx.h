// IDX: images and their labels, as MNIST and the data sets in its place (Fashion-MNIST) are stored.
//
// The format: two bytes 0, the kind of the numbers (8: unsigned bytes, all that is read here), how
// many axes there are, the size of each in 4 bytes, the highest first, and the numbers, row by row.
//   LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998)
//
// Read next: experiments/programs/fashion.cpp.
#pragma once

#include <vector>

#include "experiments/table/read/source.h"
#include "nn/data.h"

namespace gradflow {

struct Idx {
  std::vector<Index> sizes = {};  // of the axes, the slowest first
  std::string bytes = {};         // as many as the product of the sizes
};

// All throw FileError, naming the file, for what is no such file, for other kinds of numbers, and
// for bytes that are not as many as the sizes say.
Idx read_idx(Source source);

struct LabelledImages {
  Data data = {};               // (N, height width), 0 to 1, row by row; a label for each
  Index height = 0, width = 0;  // in pixels
};
// From a file of three axes and one of one axis, which belong together; at least one image.
LabelledImages read_images(Source images, Source labels);

}  // namespace gradflow
