// Arithmetic: how a matrix product adds, and who computes it.
//
// The one idea: all else in the library is arithmetic of which IEEE 754 leaves no bit open; a
// product is a sum of products, and there are two ways to that. `fused` rounds once for each term
// (a multiply-add, fma), which most processors can do in one instruction, and half the time;
// `portable` rounds the product and the sum, which all can. Both are named, and a training's
// weights are the same wherever the same one is chosen: a processor without multiply-add computes
// `fused`, too, only slowly.
//
// A library for large products (gemm_blas.cpp) adds in an order of its own, which depends on the
// processor. Whether any product went there is known, and it can be forbidden.
#pragma once

#include "tensor/real.h"

namespace gradflow {

enum class Arithmetic { fused, portable };  // how a product and a sum are rounded: once, or twice
enum class Products {                       // by whom large ones are done
  fastest,                                  // large ones by the library, if there is one
  ours                                      // all by ours
};

// Of all threads, from the next product on. At the start: `fused` if the library was compiled for
// processors that have the instruction, else `portable`; and the fastest products.
Arithmetic arithmetic();
void set_arithmetic(Arithmetic arithmetic);
Products products();
void set_products(Products products);

// "fused" or "portable"; "fastest" or "ours".
const char* name_of(Arithmetic arithmetic);
const char* name_of(Products products);

// True if any product of this program has been left to the library: what was computed from it may
// have other last bits on another processor.
bool library_has_multiplied();

}  // namespace gradflow
