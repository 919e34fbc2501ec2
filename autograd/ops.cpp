// Every rule of calculus in gradflow, each beside the computation that it differentiates: here
// those of arithmetic and of functions of one number; the others are in activations.cpp,
// reductions.cpp, linalg.cpp and rearrangements.cpp.
//
// How to read an entry: the comment has the formula, the shapes and the derivative; `record` gets
// the value, then one line for each argument that says what dy, the gradient of the result, makes
// of that argument's gradient. Shapes left out: elementwise operations keep them (or broadcast),
// and the engine sums a gradient over the axes along which its argument was repeated.
//
// To add an operation: write an entry here and its declaration in ops.h, a row in each of the
// tables tests/tables/ops_table.cpp, tests/tables/test_ops_limits.cpp and
// tests/oracle/test_oracle.cpp, and what PyTorch gets; the tests say what is missing. (For one in a
// header of its own the first table is enough: README.md shows how.)

#include "autograd/ops.h"

#include "tensor/kernels/vector_math.h"

namespace gradflow {

using kernel::map;

namespace {

void require_number(const char* op, const char* name, real value) {
  require(!std::isnan(value), "{}: {} {} given; a number is required", op, name, value);
}

}  // namespace

// --- Arithmetic ------------------------------------------------------------------------------

// y = a + b          da = dy          db = dy
Var add(const Var& a, const Var& b) {
  return record("add", map("add", a.value(), b.value(), std::plus()),
                wrt(a, [](const Var& dy) { return dy; }), wrt(b, [](const Var& dy) { return dy; }));
}

// y = a - b          da = dy          db = -dy
Var sub(const Var& a, const Var& b) {
  return record("sub", map("sub", a.value(), b.value(), std::minus()),
                wrt(a, [](const Var& dy) { return dy; }),
                wrt(b, [](const Var& dy) { return -dy; }));
}

// y = a b            da = dy b        db = dy a
Var mul(const Var& a, const Var& b) {
  return record("mul", map("mul", a.value(), b.value(), std::multiplies()),
                wrt(a, [b](const Var& dy) { return dy * b; }),
                wrt(b, [a](const Var& dy) { return dy * a; }));
}

// y = a / b          da = dy / b      db = -dy a / b^2 = -dy y / b
Var div(const Var& a, const Var& b) {
  return record("div", map("div", a.value(), b.value(), std::divides()),
                wrt(a, [b](const Var& dy) { return dy / b; }),
                wrt(b, [b](const Var& dy, const Var& y) { return -(dy * y / b); }));
}

// y = -x             dx = -dy
Var neg(const Var& x) {
  return record("neg", map("neg", x.value(), std::negate<>()),
                wrt(x, [](const Var& dy) { return -dy; }));
}

namespace {

// y = a where before(a, b), else b. Where neither is before the other they are equal, and share dy;
// or one is NaN, which must not be hidden.
template <class Before>
Var first_of(const char* op, const Var& a, const Var& b, Before before) {
  const auto first = [before](real p, real q) { return before(p, q) || p != p ? p : q; };
  const auto share = [before](real p, real q) {
    return before(p, q) ? 1 : before(q, p) ? 0 : p == q ? real(0.5) : p + q;
  };
  const auto rule = [=](const Var& one, const Var& other) {
    return [=](const Var& dy) { return dy * map(op, one.value(), other.value(), share); };
  };
  return record(op, map(op, a.value(), b.value(), first), wrt(a, rule(a, b)), wrt(b, rule(b, a)));
}

}  // namespace

// y = the larger of a and b          da = dy where a > b, dy/2 where a = b, else 0; db = the rest
Var maximum(const Var& a, const Var& b) { return first_of("maximum", a, b, std::greater()); }

// y = the smaller of a and b         da = dy where a < b, dy/2 where a = b, else 0; db = the rest
Var minimum(const Var& a, const Var& b) { return first_of("minimum", a, b, std::less()); }

// --- Elementwise functions -------------------------------------------------------------------
// Where a function has no value, the result is NaN or infinity, as in <cmath>.

// y = e^x            dx = dy y
Var exp(const Var& x) {
  return record("exp", map("exp", x.value(), [](real v) { return math::exp(v); }),
                wrt(x, [](const Var& dy, const Var& y) { return dy * y; }));
}

// y = e^x - 1        dx = dy e^x
// Near 0, where e^x is 1 and some digits of x, the subtraction would lose the others.
Var expm1(const Var& x) {
  return record("expm1", map("expm1", x.value(), [](real v) { return math::expm1(v); }),
                wrt(x, [x](const Var& dy) { return dy * exp(x); }));
}

// y = log x          dx = dy / x
Var log(const Var& x) {
  return record("log", map("log", x.value(), [](real v) { return math::log(v); }),
                wrt(x, [x](const Var& dy) { return dy / x; }));
}

// y = log(1 + x)     dx = dy / (1 + x)
Var log1p(const Var& x) {  // near 0 the sum would lose digits of x
  return record("log1p", map("log1p", x.value(), [](real v) { return math::log1p(v); }),
                wrt(x, [x](const Var& dy) { return dy / (1 + x); }));
}

// y = sqrt x         dx = dy / (2 y)
Var sqrt(const Var& x) {
  return record("sqrt", map("sqrt", x.value(), [](real v) { return std::sqrt(v); }),
                wrt(x, [](const Var& dy, const Var& y) { return dy / (2 * y); }));
}

// y = x^2            dx = dy 2 x
Var square(const Var& x) {
  return record("square", map("square", x.value(), [](real v) { return v * v; }),
                wrt(x, [x](const Var& dy) { return dy * (2 * x); }));
}

// y = x^p            dx = dy p x^(p-1), and 0 for p = 0, where the formula is 0 times infinity at 0
Var pow(const Var& x, real p) {
  require_number("pow", "exponent", p);
  return record("pow", map("pow", x.value(), [p](real v) { return math::pow(v, p); }),
                wrt(x, [x, p](const Var& dy) {
                  return p == 0 ? Var(zeros(dy.shape())) : dy * (p * pow(x, p - 1));
                }));
}

// y = sin x          dx = dy cos x
Var sin(const Var& x) {
  return record("sin", map("sin", x.value(), [](real v) { return math::sin(v); }),
                wrt(x, [x](const Var& dy) { return dy * cos(x); }));
}

// y = cos x          dx = -dy sin x
Var cos(const Var& x) {
  return record("cos", map("cos", x.value(), [](real v) { return math::cos(v); }),
                wrt(x, [x](const Var& dy) { return -(dy * sin(x)); }));
}

// y = |x|            dx = dy sign x, and 0 at 0
Var abs(const Var& x) {
  const auto sign = [](real v) { return v > 0 ? real{1} : v < 0 ? real{-1} : v * 0; };
  return record("abs", map("abs", x.value(), [](real v) { return std::abs(v); }),
                wrt(x, [x, sign](const Var& dy) { return dy * map("abs", x.value(), sign); }));
}

// y = tanh x         dx = dy (1 - y^2)
Var tanh(const Var& x) {
  return record("tanh", map("tanh", x.value(), [](real v) { return math::tanh(v); }),
                wrt(x, [](const Var& dy, const Var& y) { return dy * (1 - square(y)); }));
}

// y = 1 / (1 + e^-x)         dx = dy y (1 - y)
Var sigmoid(const Var& x) {
  return record("sigmoid", map("sigmoid", x.value(), [](real v) { return math::sigmoid(v); }),
                wrt(x, [](const Var& dy, const Var& y) { return dy * (y * (1 - y)); }));
}

// y = log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), where the exponent cannot overflow
//                            dx = dy sigmoid x
Var softplus(const Var& x) {
  return record("softplus", map("softplus", x.value(), [](real v) { return math::softplus(v); }),
                wrt(x, [x](const Var& dy) { return dy * sigmoid(x); }));
}

// y = log sigmoid x = min(x, 0) - log(1 + e^-|x|)
//                            dx = dy (1 - sigmoid x) = dy sigmoid(-x)
Var logsigmoid(const Var& x) {
  const auto f = [](real v) { return (v > 0 ? real{0} : v) - math::softplus_rest(v); };
  return record("logsigmoid", map("logsigmoid", x.value(), f),
                wrt(x, [x](const Var& dy) { return dy * sigmoid(-x); }));
}

// y = max(x, 0)              dx = dy where x > 0, else 0
Var relu(const Var& x) {  // not std::max, and the test this way round: a NaN stays one
  return record("relu", map("relu", x.value(), [](real v) { return v <= 0 ? real{0} : v; }),
                wrt(x, [x](const Var& dy) {
                  return where(map("relu", x.value(), [](real v) { return real(v > 0); }), dy, 0);
                }));
}

// y = x where x > 0, else a x        dx = dy where x > 0, else a dy
Var leaky_relu(const Var& x, real a) {
  require_number("leaky_relu", "slope", a);
  const auto slope = [a](real v) { return v > 0 ? real{1} : a; };
  return record(
      "leaky_relu", map("leaky_relu", x.value(), [slope](real v) { return slope(v) * v; }),
      wrt(x, [x, slope](const Var& dy) { return dy * map("leaky_relu", x.value(), slope); }));
}

// y = min(max(x, low), high)         dx = dy where low <= x <= high, else 0
Var clamp(const Var& x, real low, real high) {
  require_number("clamp", "low", low);
  require_number("clamp", "high", high);
  require(low <= high, "clamp: low {} and high {} given; low must not exceed high", low, high);
  const auto f = [=](real v) { return v < low ? low : v > high ? high : v; };
  const auto inside = [=](real v) { return real(low <= v && v <= high); };
  return record("clamp", map("clamp", x.value(), f), wrt(x, [x, inside](const Var& dy) {
                  return where(map("clamp", x.value(), inside), dy, 0);
                }));
}

// y = a where mask, else b           da = dy where mask, else 0          db = the others
Var where(const Tensor& mask, const Var& a, const Var& b) {
  const auto choose = [](real m, real p, real q) { return m != 0 ? p : q; };
  return record("where", map("where", mask, a.value(), b.value(), choose),
                wrt(a, [mask](const Var& dy) { return where(mask, dy, 0); }),
                wrt(b, [mask](const Var& dy) { return where(mask, 0, dy); }));
}

}  // namespace gradflow
