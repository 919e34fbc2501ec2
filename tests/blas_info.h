// What is underneath matrix products, for the benchmark's first line and the tests.
#pragma once

#include <cblas.h>

#include <string>

namespace gradflow {

struct BlasInfo {
  std::string config;  // OpenBLAS's version and options, in its own words
  std::string core;    // the processor it has recognised, e.g. "SkylakeX"
  bool openmp;         // whether it is the OpenMP build
};

inline BlasInfo blas_info() {
  return {openblas_get_config(), openblas_get_corename(),
          openblas_get_parallel() == OPENBLAS_OPENMP};
}

}  // namespace gradflow
