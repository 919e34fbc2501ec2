// error: deleted
// The field refers to its network, which would be gone.
#include "flows/matching/velocity.h"

using namespace gradflow;

Field field(const VelocityNetwork& network) {
#ifdef WRONG
  return VelocityNetwork(network).field();
#else
  return network.field();
#endif
}
