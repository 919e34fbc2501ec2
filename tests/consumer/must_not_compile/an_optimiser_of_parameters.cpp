// error: no match
// An optimiser moves Weights, which say where each parameter's numbers lie, and lays none itself.
#include "nn/layers.h"
#include "nn/optimizer.h"

using namespace gradflow;

void train(Linear& layer) {
#ifdef WRONG
  Adam adam(parameters(layer));
#else
  Weights weights(parameters(layer));
  Adam adam(weights);
#endif
}
