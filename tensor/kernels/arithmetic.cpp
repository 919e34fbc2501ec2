#include "tensor/kernels/arithmetic.h"

#include <atomic>

#include "tensor/kernels/gemm_parts.h"
#include "tensor/kernels/multiply_add.h"

namespace gradflow {

std::atomic<Arithmetic> chosen_arithmetic =
    kHasMultiplyAdd ? Arithmetic::fused : Arithmetic::portable;

namespace {

std::atomic<Products> chosen_products = Products::fastest;
std::atomic<bool> left_to_library = false;

}  // namespace

Arithmetic arithmetic() { return chosen_arithmetic.load(std::memory_order_relaxed); }
void set_arithmetic(Arithmetic arithmetic) { chosen_arithmetic = arithmetic; }
Products products() { return chosen_products.load(std::memory_order_relaxed); }
void set_products(Products products) { chosen_products = products; }

const char* name_of(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::fused ? "fused" : "portable";
}
const char* name_of(Products products) { return products == Products::ours ? "ours" : "fastest"; }

bool library_has_multiplied() { return left_to_library; }
void note_library() {
  if (!left_to_library.load(std::memory_order_relaxed)) left_to_library = true;
}

}  // namespace gradflow
