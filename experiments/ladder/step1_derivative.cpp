// Step 1 of the ladder: a derivative, by hand and by tape.
//
// The new idea: while a Tape is in scope, operations on Vars are written down; backward() reads
// what was written from the end to the beginning and applies the chain rule. Nobody differentiates
// the function as a whole, and nothing is approximated. What comes out is a Var again, so it can be
// differentiated once more.

#include <fmt/format.h>

#include <cmath>

#include "autograd/ops.h"
#include "experiments/draw/figure.h"
#include "experiments/ladder/ladder.h"

namespace gradflow {
namespace {

Var f(const Var& x) { return x * exp(real(-0.5) * square(x)); }

// The same, differentiated on paper: f' = (1 - x^2) e^(-x^2/2),  f'' = (x^3 - 3 x) e^(-x^2/2)
double f_prime(double x) { return (1 - x * x) * std::exp(-0.5 * x * x); }
double f_second(double x) { return (x * x * x - 3 * x) * std::exp(-0.5 * x * x); }

double central_difference(double x, double h) {
  const auto at = [](double place) { return place * std::exp(-0.5 * place * place); };
  return (at(x + h) - at(x - h)) / (2 * h);
}

struct Values {
  Tensor f, first, second;
};

// All elements of x at once: each f(x_i) depends on its own x_i alone, so the derivative of their
// sum has f'(x_i) as its i-th element.
Values differentiate(const Tensor& points) {
  Tape tape;
  const Var x = tape.variable(points);
  const Var y = f(x);
  const Var first = tape.backward(sum(y), Record::yes)[x];  // the way back is recorded too
  const Var second = tape.backward(sum(first))[x];
  return {y.value(), first.value(), second.value()};
}

void run(const std::filesystem::path& out) {
  const Tensor x(Shape{5}, {-2, -0.5, 0, 1, 2.5});
  const auto [y, first, second] = differentiate(x);
  fmt::print("f(x) = x exp(-x^2/2)\n\n");
  fmt::print("{:>6} {:>10} {:>10} {:>10} {:>12} {:>10} {:>10}\n", "x", "f", "f' tape", "f' hand",
             "f' h = 0.1", "f'' tape", "f'' hand");
  for (std::size_t i = 0; i < x.values().size(); ++i) {
    const double at = x.values()[i];
    fmt::print("{:6.2f} {:10.6f} {:10.6f} {:10.6f} {:12.6f} {:10.6f} {:10.6f}\n", at, y.values()[i],
               first.values()[i], f_prime(at), central_difference(at, 0.1), second.values()[i],
               f_second(at));
  }

  const Tensor fine = linspace(-4, 4, 401);
  const Values curve = differentiate(fine);
  draw(LineFigure{.name = "step1_derivative",
                  .title = "A function and its derivatives, from one tape",
                  .x_label = "x",
                  .series = {{"f(x) = x exp(−x²/2)", numbers(fine), numbers(curve.f)},
                             {"f′(x)", numbers(fine), numbers(curve.first)},
                             {"f″(x)", numbers(fine), numbers(curve.second)}},
                  .references = {{.label = "", .y = 0}}},
       {.directory = out});
}

}  // namespace
}  // namespace gradflow

int main(int argc, char** argv) {
  return gradflow::run_step(argc, argv, "Differentiates a function, by hand and by tape.",
                            gradflow::run);
}
