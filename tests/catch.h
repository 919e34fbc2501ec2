// Catch2, version 2 or 3, and how it prints our types.
//
// message_of<ShapeError>([] { ... }) is the text of the error that the function throws: the tests
// compare whole messages, because a student who made a mistake reads nothing else.
//
// Tags: [slow] a test takes more than a second; [registry] it goes through a table, and says at the
// end what it has checked; [.] it runs only when it is named.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>  // version 3
using Catch::Approx;
#else
#include <catch2/catch.hpp>  // version 2
#endif

#include <string>

#include "tensor/tensor.h"

template <>
struct Catch::StringMaker<gradflow::Shape> {
  static std::string convert(const gradflow::Shape& shape) { return to_string(shape); }
};

template <>
struct Catch::StringMaker<gradflow::Tensor> {
  static std::string convert(const gradflow::Tensor& x) { return to_string(x); }
};

namespace gradflow {

template <class Error, class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("an error of another type: ") + error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace gradflow
