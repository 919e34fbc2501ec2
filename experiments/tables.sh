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
examples=$PWD/experiments/table/examples.sh
mkdir -p "${1:-results/tables}"
cd "${1:-results/tables}"

# shellcheck source=experiments/table/examples.sh
. "$examples"
make_spirals > spirals.csv
make_heavy > heavy.csv
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
