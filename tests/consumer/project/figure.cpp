#include "experiments/draw/figure.h"

int main() {
  gradflow::draw(gradflow::LineFigure{.name = "line", .series = {{.x = {0, 1}, .y = {0, 1}}}},
                 {.directory = "figures"});
}
