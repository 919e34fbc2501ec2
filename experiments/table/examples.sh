# shellcheck shell=bash
# Sourced by experiments/tables.sh and experiments/rivals.sh: two tables that are made up, as CSV.
#
# Normal numbers by Box and Muller, Student's t of 3 degrees as a normal number over a root.

# Two interleaved spirals, 20 000 rows, far from 0 and not of size 1.
make_spirals() {
  awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }
  BEGIN {
    srand(1); print "x,y"
    for (i = 0; i < 20000; ++i) {
      turn = 3 * 3.14159265358979 * sqrt(rand()); side = rand() < 0.5 ? 1 : -1
      x = side * turn * cos(turn) / 4.712 + 0.06 * normal()
      y = side * turn * sin(turn) / 4.712 + 0.06 * normal()
      printf "%.6g,%.6g\n", 1000 + 50 * x, -3 + 50 * y
    }
  }'
}

# Six correlated columns with heavy tails, in three classes, 20 000 rows.
make_heavy() {
  awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }
  function student(a, b, c) { a = normal(); b = normal(); c = normal(); return normal() / sqrt((a * a + b * b + c * c) / 3) }
  BEGIN {
    srand(2); print "a,b,c,d,e,f,class"
    for (i = 0; i < 20000; ++i) {
      class = int(3 * rand()); common = student()
      for (k = 0; k < 6; ++k) x[k] = 0.6 * student() + (0.3 + 0.2 * k) * common * (class == 2 ? -1 : 1)
      x[0] += class; x[1] += 0.1 * x[0] * x[0]; x[5] -= 2 * class
      printf "%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%d\n", x[0], 100 + 10 * x[1], x[2] / 10, 5 * x[3] - 5, 1000 * x[4], x[5], class
    }
  }'
}
