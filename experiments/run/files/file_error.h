// FileError: what the outside world can get wrong.
#pragma once

#include "tensor/error.h"

namespace gradflow {

struct FileError : Error {  // a file that is missing, unwritable or not what it should be
  using Error::Error;
};

}  // namespace gradflow
