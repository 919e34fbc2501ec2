#include "experiments/run/files/dtype.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

#include "experiments/run/files/file_error.h"

namespace gradflow {
namespace {

template <class Number>
Number load(const char* bytes) {
  Number number;
  std::memcpy(&number, bytes, sizeof(number));
  return number;
}

struct Half {  // IEEE 754 binary16: sign, 5 bits of exponent, 10 of the fraction
  std::uint16_t bits;
  operator double() const {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31  ? (fraction ? std::nan("") : HUGE_VAL)
                        : exponent == 0 ? std::ldexp(fraction, -24)
                                        : std::ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -size : size;
  }
};

struct BrainFloat {  // the upper half of a float
  std::uint16_t bits;
  operator double() const { return __builtin_bit_cast(float, std::uint32_t{bits} << 16); }
};

template <class Number>
Tensor converted(const Shape& shape, const char* bytes) {
  std::vector<real> values(static_cast<std::size_t>(shape.size()));
  for (real& value : values) {
    const auto stored = load<Number>(std::exchange(bytes, bytes + sizeof(Number)));
    if constexpr (std::is_integral_v<Number>) {
      value = static_cast<real>(stored);
      require<FileError>(static_cast<long double>(value) == static_cast<long double>(stored),
                         "its number {} is not a {}", stored, kOwnDtype);
    } else {
      const double exact = stored;
      value = static_cast<real>(exact);
      require<FileError>(std::isfinite(value) || !std::isfinite(exact),
                         "its number {} is beyond the range of {}", exact, kOwnDtype);
    }
  }
  return {shape, std::move(values)};
}

template <class Number>
constexpr Dtype dtype(const char* name) {
  return {name, sizeof(Number), converted<Number>};
}
constexpr Dtype kDtypes[] = {
    dtype<float>("F32"),         dtype<double>("F64"),        dtype<Half>("F16"),
    dtype<BrainFloat>("BF16"),   dtype<std::int64_t>("I64"),  dtype<std::int32_t>("I32"),
    dtype<std::int16_t>("I16"),  dtype<std::int8_t>("I8"),    dtype<std::uint64_t>("U64"),
    dtype<std::uint32_t>("U32"), dtype<std::uint16_t>("U16"), dtype<std::uint8_t>("U8"),
    dtype<std::uint8_t>("BOOL"),
};

}  // namespace

const Dtype* find_dtype(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                         [name](const Dtype& known) { return known.name == name; });
  return found == std::end(kDtypes) ? nullptr : found;
}

}  // namespace gradflow
