#!/usr/bin/env bash
# Three tables, each fitted, scored, sampled and shown on a page by the program gradflow.
#
#   experiments/tables.sh [DIRECTORY]     default: results/tables
#
#   spirals   two interleaved spirals, 20 000 rows, far from 0 and not of size 1
#   heavy     six correlated columns with heavy tails, in three classes, 20 000 rows
#   digits    1 797 handwritten digits of 8 x 8 pixels, 0 to 16 (from Debian's python3-sklearn, which is
#             unpacked but not installed); alone, and under the class; samples as a picture
#
# The numbers are in each fit.json, a summary is printed at the end.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,12s/^# \?//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${build_packages[@]}" "${figure_packages[@]}"
cmake --preset experiments
cmake --build --preset experiments --target gradflow
gradflow=$PWD/build/experiments/experiments/gradflow
mkdir -p "${1:-results/tables}"
cd "${1:-results/tables}"

# Normal numbers by Box and Muller, Student's t of 3 degrees as a normal number over a root.
awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }
BEGIN {
  srand(1); print "x,y"
  for (i = 0; i < 20000; ++i) {
    turn = 3 * 3.14159265358979 * sqrt(rand()); side = rand() < 0.5 ? 1 : -1
    x = side * turn * cos(turn) / 4.712 + 0.06 * normal()
    y = side * turn * sin(turn) / 4.712 + 0.06 * normal()
    printf "%.6g,%.6g\n", 1000 + 50 * x, -3 + 50 * y
  }
}' > spirals.csv
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
}' > heavy.csv
if [ ! -s digits.csv.gz ]; then
  apt-get download -q python3-sklearn
  dpkg-deb --fsys-tarfile python3-sklearn_*.deb |
    tar -xO --wildcards '*/sklearn/datasets/data/digits.csv.gz' > digits.csv.gz
  rm python3-sklearn_*.deb
fi

"$gradflow" fit spirals.csv --overwrite
"$gradflow" fit heavy.csv --given class --overwrite
"$gradflow" fit digits.csv.gz --dequantise --except x65 --overwrite --out digits.fit
"$gradflow" fit digits.csv.gz --dequantise --given x65 --overwrite --out digits_by_class.fit
"$gradflow" score spirals.fit spirals.csv --top 20 --out spirals_least_likely.csv

# Ten of each digit side by side, as a picture: 16 is black.
for class in 0 1 2 3 4 5 6 7 8 9; do
  "$gradflow" sample digits_by_class.fit -n 10 --given "x65=$class" | tail -n +2
done | awk -F, '{ for (k = 0; k < 64; ++k) { v = int(255 - 15.9 * $(k + 1)); v = v < 0 ? 0 : v > 255 ? 255 : v
                    pixel[int((NR - 1) / 10) * 9 + int(k / 8), (NR - 1) % 10 * 9 + k % 8] = v } }
  END { print "P2 89 89 255"
        for (i = 0; i < 89; ++i) for (j = 0; j < 89; ++j) print ((i, j) in pixel) ? pixel[i, j] : 255 }' > digits.pgm
convert digits.pgm -filter box -resize 600% digits.png

for fit in spirals heavy digits digits_by_class; do
  echo
  "$gradflow" info "$fit.fit"
done
