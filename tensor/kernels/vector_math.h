// Vector forms of exp, log, tanh ... for the loops of autograd/ops.cpp and its like.
//
// The one idea: glibc has versions of these functions that work on a whole vector register (its
// libmvec). The declarations below tell the compiler so, and it calls them from loops marked
// `omp simd`: tanh takes 1.2 ns an element instead of 25. They differ from the scalar functions by
// at most a few units in the last place; NaN and infinities come out as they should.
//
// On other compilers and processors this header declares nothing new and the loops stay scalar.
// It must come before <cmath>.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
extern "C" {
#define GRADFLOW_VECTOR_FORM __attribute__((__simd__("notinbranch")))
GRADFLOW_VECTOR_FORM float expf(float) noexcept;
GRADFLOW_VECTOR_FORM float logf(float) noexcept;
GRADFLOW_VECTOR_FORM float log1pf(float) noexcept;
GRADFLOW_VECTOR_FORM float tanhf(float) noexcept;
GRADFLOW_VECTOR_FORM float sinf(float) noexcept;
GRADFLOW_VECTOR_FORM float cosf(float) noexcept;
GRADFLOW_VECTOR_FORM double exp(double) noexcept;
GRADFLOW_VECTOR_FORM double log(double) noexcept;
GRADFLOW_VECTOR_FORM double log1p(double) noexcept;
GRADFLOW_VECTOR_FORM double tanh(double) noexcept;
GRADFLOW_VECTOR_FORM double sin(double) noexcept;
GRADFLOW_VECTOR_FORM double cos(double) noexcept;
#undef GRADFLOW_VECTOR_FORM
}
#endif

#include <cmath>
