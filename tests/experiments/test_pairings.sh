#!/usr/bin/env bash
# `sf2m` and `c2ot` from end to end: what they write, that it is a function of their options, that they go
# on where they were stopped, and what they refuse.
#
#   tests/experiments/test_pairings.sh DIR     DIR holds the programs, e.g. build/release/experiments
set -uo pipefail

programs=$(cd "${1:?usage: test_pairings.sh DIRECTORY_OF_THE_PROGRAMS}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
limit=300
scratch_directory
count() { grep -c "$1" "$2"; }

# --- sf2m --------------------------------------------------------------------------------------------

sf2m=$programs/sf2m
small=(--points 512 --epochs 1 --seeds 2 --samples 100)
run "$sf2m" "${small[@]}" --out one
check "sf2m succeeds" [ "$status" -eq 0 ]
check "it says nothing on stderr" [ ! -s stderr ]
check "a row for each of 4 tasks, 6 methods and 2 seeds" [ "$(wc -l < one/sf2m.csv)" -eq 49 ]
for key in pair method w2 w2_floor npe seed; do
  check "sf2m.json has $key in each row" [ "$(count "\"$key\":" one/sf2m.json)" -eq 48 ]
done
check "no number is missing" [ -z "$(grep -E 'null|nan' one/sf2m.csv)" ]
check "it judges each task" [ "$(count 'of 2 seeds' stdout)" -eq 4 ]
check "the figure is a picture" is_png one/sf2m_energy.png
check "each of its points has a whisker" [ "$(count ',range,' one/sf2m_energy.csv)" -eq 24 ]
check "the page has both tables" [ "$(count '<figcaption id=' one/sf2m.html)" -eq 2 ]
check "and shows the picture" grep -q 'data:image/png' one/sf2m.html

part=(--pairs noise_to_moons --methods independent,optimal)
run "$sf2m" "${small[@]}" "${part[@]}" --threads 1 --out two
check "the same numbers with one thread" \
  [ "$(grep -E 'noise_to_moons,(independent|optimal)' one/sf2m.csv)" = "$(tail -n +2 two/sf2m.csv)" ]
rm two/sf2m/noise_to_moons.optimal.seed42.json
cp two/sf2m.csv before.csv
run "$sf2m" "${small[@]}" "${part[@]}" --resume --out two
check "a resumed run finds what is there" [ "$(count 'of an earlier run' stdout)" -eq 3 ]
check "and ends with the same numbers" cmp -s before.csv two/sf2m.csv
run "$sf2m" --points 512 --epochs 1 --seeds 2 --samples 90 "${part[@]}" --resume --out two
check "results of other settings are not taken" [ "$(count 'of an earlier run' stdout)" -eq 0 ]

"$sf2m" --points 20000 --epochs 1000 "${part[@]}" --out stopped > stopped.txt 2>&1 < /dev/null &
pid=$!
for _ in $(seq 600); do
  [ -d stopped/sf2m ] && break
  sleep 0.05
done
sleep 0.2
kill -INT $pid
wait $pid
check "Ctrl-C ends with 130" [ $? -eq 130 ]
check "and says how to go on" grep -q -- "--out stopped --resume" stopped.txt
check "what was not finished is not there" [ -z "$(ls stopped/sf2m)" ]

# --- c2ot --------------------------------------------------------------------------------------------

c2ot=$programs/c2ot
small=(--points 512 --epochs 1 --seeds 2 --samples 100)
run "$c2ot" "${small[@]}" --out one
check "c2ot succeeds" [ "$status" -eq 0 ]
check "it says nothing on stderr" [ ! -s stderr ]
check "a row for each of 8 columns, 2 solvers and 2 seeds" [ "$(wc -l < one/c2ot.csv)" -eq 33 ]
for key in condition method solver w2_squared seed; do
  check "c2ot.json has $key in each row" [ "$(count "\"$key\":" one/c2ot.json)" -eq 32 ]
done
check "no number is missing" [ -z "$(grep -E 'null|nan' one/c2ot.csv)" ]
check "it judges each condition and solver" [ "$(count 'of 2 seeds' stdout)" -eq 6 ]
check "the figure is a picture" is_png one/c2ot_distance.png
check "no line joins its points, which are of one kind each" [ "$(count linespoints one/c2ot_distance.gp)" -eq 0 ]
# The first whisker: untold, pairs as drawn, one step; from the smaller of two seeds to the larger.
reaches_from_seed_to_seed() {
  awk -F, 'FNR == NR { if (/^none,fm,euler_1/) { a = b; b = $4 } next }
           /,range,0,/ && !n++ { low = a < b ? a : b; high = a < b ? b : a
                                 ok = ($6 - low) ^ 2 + ($6 + $9 - high) ^ 2 < 1e-9 * high ^ 2 }
           END { exit !(ok && low > 0 && high > low) }' one/c2ot.csv one/c2ot_distance.csv
}
check "each has a whisker" [ "$(count ',range,' one/c2ot_distance.csv)" -eq 16 ]
check "which reaches from the least to the most" reaches_from_seed_to_seed
check "the page has the table" [ "$(count '<figcaption id=' one/c2ot.html)" -eq 1 ]
run "$c2ot" "${small[@]}" --conditions class --threads 1 --out two
check "the same numbers with one thread" \
  [ "$(grep '^class' one/c2ot.csv)" = "$(tail -n +2 two/c2ot.csv)" ]
run "$c2ot" "${small[@]}" --conditions class --resume --out two
check "a resumed run finds all" [ "$(count 'of an earlier run' stdout)" -eq 6 ]

# --- mistakes ----------------------------------------------------------------------------------------

refused() {  # refused PROGRAM TEXT OPTION...
  local program=$1 text=$2
  shift 2
  run "$program" --out refused "$@"
  check "$*: 2" [ "$status" -eq 2 ]
  check "$*: says $text" says "$text"
}
refused "$sf2m" "moons given" --pairs moons
refused "$sf2m" "given" --methods ''
refused "$sf2m" "samples 3 given" --samples 3
refused "$c2ot" "colour given" --conditions class,colour

finish
