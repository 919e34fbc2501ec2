#!/usr/bin/env bash
# The table of densities from end to end: what `densities` writes, that it is a function of its
# options alone, that it goes on where it was stopped, and what it says when something is wrong.
#
#   tests/experiments/test_densities.sh DIR     DIR holds the programs, e.g. build/release/experiments
set -uo pipefail

programs=$(cd "${1:?usage: test_densities.sh DIRECTORY_OF_THE_PROGRAMS}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
limit=600
scratch_directory

densities=$programs/densities
small=(--points 1000 --epochs 1 --judged 1000)

# Every column but the seconds, which no two runs share.
numbers() { cut -d, -f1-8,10- "$1"; }
same_numbers() { diff <(numbers "$1") <(numbers "$2") > /dev/null; }
count() { grep -c "$1" "$2"; }

# --- every model -------------------------------------------------------------------------------------

run "$densities" "${small[@]}" --sets moons --threads 2 --out every
check "densities succeeds with every model" [ "$status" -eq 0 ]
models=$(cut -d, -f2 every/densities.csv | tail -n +2 | sort -u | wc -l)
check "there are all fourteen models" [ "$models" -eq 14 ]
check "no number of theirs is missing" [ -z "$(grep -i 'nan' every/densities.csv every/densities.json)" ]

# --- a smooth set, one with edges and a picture ---------------------------------------------------

printf 'P2 4 3 9\n0 1 2 3  9 0 0 9  4 4 0 1\n' > blocks.pgm
run "$densities" "${small[@]}" --sets moons,checkerboard,blocks.pgm --models gaussian,spline_coupling --threads 2 --out all
check "densities succeeds" [ "$status" -eq 0 ]
check "it says nothing on stderr" [ ! -s stderr ]
models=2
check "a row for each pair" [ "$(count '"model"' all/densities.json)" -eq $((3 * models)) ]
check "the same in the CSV, and a header" [ "$(wc -l < all/densities.csv)" -eq $((3 * models + 1)) ]
for key in set model nll floor gap se mass parameters seconds seed; do
  check "densities.json has $key in each row" \
    [ "$(count "\"$key\":" all/densities.json)" -eq $((3 * models)) ]
done
check "no number is missing" [ -z "$(grep -i 'nan' all/densities.csv all/densities.json)" ]
check "no gap is infinite" [ -z "$(grep '"gap": null' all/densities.json)" ]
check "densities.png is a picture" is_png all/densities.png
for set in moons checkerboard blocks.pgm; do
  check "the row of $set is a picture" is_png "all/densities/$set.png"
  check "the row of $set has its data" [ -s "all/densities/$set.csv" ]
done
check "the page has a table for each set" [ "$(count '<figcaption id="set-' all/densities.html)" -eq 3 ]
check "the page shows the picture" grep -q 'data:image/png' all/densities.html
check "the page says which sets have edges" [ "$(count 'class="kind">edges' all/densities.html)" -ge 2 ]

# --- the same numbers, whatever the threads ----------------------------------------------------------

two=(--sets moons,sine --models mixture,nice,spline_coupling)
no_gnuplot=$scratch/no_gnuplot
mkdir "$no_gnuplot"
for threads in 1 2; do
  PATH=$no_gnuplot run "$densities" "${small[@]}" "${two[@]}" --threads $threads --out "with$threads"
  check "without gnuplot: 1" [ "$status" -eq 1 ]
  check "but the table is there" [ "$(wc -l < "with$threads/densities.csv")" -eq 7 ]
done
check "the same with one thread and with two" same_numbers with1/densities.csv with2/densities.csv
PATH=$no_gnuplot run "$densities" "${small[@]}" "${two[@]}" --seed 1 --out seed1
check "another seed, other numbers" [ -n "$(diff <(numbers with1/densities.csv) <(numbers seed1/densities.csv))" ]

# --- stopped and resumed -----------------------------------------------------------------------------

rm with2/densities/sine.nice.safetensors with2/densities.csv
PATH=$no_gnuplot run "$densities" "${small[@]}" "${two[@]}" --resume --out with2
check "a resumed run finds what is there" [ "$(count 'of an earlier run' stdout)" -eq 5 ]
check "and ends with the same numbers" same_numbers with1/densities.csv with2/densities.csv
PATH=$no_gnuplot run "$densities" "${small[@]}" "${two[@]}" --seed 1 --resume --out with2
check "results of other settings are not taken" [ "$(count 'of an earlier run' stdout)" -eq 0 ]

long=(--sets moons --models gaussian,spline_coupling --points 20000 --epochs 1000 --judged 1000)
PATH=$no_gnuplot "$densities" "${long[@]}" --out stopped > stopped.txt 2>&1 < /dev/null &
pid=$!
for _ in $(seq 600); do
  [ -e stopped/densities/moons.gaussian.safetensors ] && break
  sleep 0.05
done
kill -INT $pid
wait $pid
check "Ctrl-C ends with 130" [ $? -eq 130 ]
check "and says how to go on" grep -q -- "--out stopped --resume" stopped.txt
check "what was finished is kept" [ -e stopped/densities/moons.gaussian.safetensors ]
check "what was not is not there" [ ! -e stopped/densities/moons.spline_coupling.safetensors ]

run "$densities" "${small[@]}" "${two[@]}" --figures-only --out with1
check "--figures-only draws what is there" is_png with1/densities.png
run "$densities" "${small[@]}" "${two[@]}" --figures-only --out empty
check "--figures-only without results: 1" [ "$status" -eq 1 ]
check "in one line" one_line stderr

# --- mistakes ----------------------------------------------------------------------------------------

refused() {  # refused STATUS TEXT OPTION...
  local expected=$1 text=$2
  shift 2
  run "$densities" --points 1000 --epochs 1 --out refused "$@"
  check "$*: $expected" [ "$status" -eq "$expected" ]
  check "$*: says $text" says "$text"
}
refused 2 "moon given" --sets moon
refused 2 "given" --sets ''
refused 2 "affine given" --models nice,affine
refused 2 "judged 3 given" --judged 3
refused 1 "cannot be read" --sets missing.pgm
printf 'P5 4 4 255\nabc' > short.pgm
refused 1 "short.pgm" --sets short.pgm
printf '\x89PNG\r\n\x1a\nabc' > short.png
refused 1 "short.png: " --sets short.png
refused 1 "not finite" --sets moons --models real_nvp --lr 1e5 --clip none

finish
