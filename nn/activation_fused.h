// The activations' loops on plain memory, for fused networks (plain_mlp.h). What they compute is
// written in autograd/activations.cpp; nobody needs to read this to understand the models.
#pragma once

#include "tensor/real.h"

namespace gradflow::activations::plain {

// Each replaces n numbers by the function of them; and sets `slopes` (n), unless it is null, to the
// derivative there: so that the way back is one product, whatever the function.
void tanh(Index n, real* v, real* slopes);
void silu(Index n, real* v, real* slopes);
void softplus(Index n, real* v, real* slopes);
void gelu(Index n, real* v, real* slopes);
void selu(Index n, real* v, real* slopes);

}  // namespace gradflow::activations::plain
