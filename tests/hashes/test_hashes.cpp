// Same seed, same bits, on every processor: the hashes of short trainings are those that stand in
// tests/hashes.json. tests/tools/hashes.sh tries other compilers and processors.

#include <fstream>
#include <nlohmann/json.hpp>

#include "tensor/kernels/arithmetic.h"
#include "tests/catch.h"
#include "tests/hashes/trainings.h"
#include "tests/threads.h"

namespace gradflow {
namespace {

TEST_CASE("short trainings give the weights that they give everywhere", "[slow]") {
  const nlohmann::json golden = nlohmann::json::parse(std::ifstream(GRADFLOW_HASHES_FILE));
  const Arithmetic before = arithmetic();
  for (const Arithmetic how : {Arithmetic::fused, Arithmetic::portable})
    for (const int count : {1, 3}) {
      set_arithmetic(how);
      const WithThreads with_threads(count);
      CAPTURE(name_of(how), count);
      CHECK(nlohmann::json(hashes_of_trainings()) == golden.at(name_of(how)));
    }
  set_arithmetic(before);
}

}  // namespace
}  // namespace gradflow
