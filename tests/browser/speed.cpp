// How many steps a second the laboratory trains natively: what tests/browser/speed.mjs compares the
// page with. In the arithmetic that a browser has, so that both compute the same bits.
//
//   lab_speed SECONDS        prints {"flow": 2345.6, "matching": ...}; seconds are of processor
//   time
#include <cstdio>
#include <cstdlib>

#include "experiments/browser/messages.h"
#include "experiments/run/clock.h"
#include "tensor/kernels/arithmetic.h"

int main(int argc, char** argv) {
  using namespace gradflow;
  const double wanted = argc > 1 ? std::atof(argv[1]) : 2;
  set_arithmetic(Arithmetic::portable);
  Lab lab;
  Arrays arrays;
  answer(lab, "data", {{"set", "rings"}, {"seed", 1}}, arrays);
  answer(lab, "reset", {{"seed", 1}}, arrays);
  Json rates;
  for (const auto& [name, which] :
       {std::pair{"flow", Which::flow}, {"matching", Which::matching}}) {
    const double began = processor_seconds();
    double seconds = 0;
    Index steps = 0;
    for (; seconds < wanted; ++steps) {
      lab.step(which);
      seconds = processor_seconds() - began;
    }
    rates[name] = static_cast<double>(steps) / seconds;
  }
  std::printf("%s\n", rates.dump().c_str());
}
