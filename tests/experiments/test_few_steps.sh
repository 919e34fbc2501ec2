#!/usr/bin/env bash
# `few_steps` from end to end: what it writes, that it is a function of its options, what it refuses.
#
#   tests/experiments/test_few_steps.sh DIR     DIR holds the programs, e.g. build/release/experiments
set -uo pipefail

programs=$(cd "${1:?usage: test_few_steps.sh DIRECTORY_OF_THE_PROGRAMS}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
limit=300
scratch_directory

few_steps=$programs/few_steps
small=(--points 512 --epochs 1 --seeds 1 --samples 100)

run "$few_steps" "${small[@]}" --out one
check "few_steps succeeds" [ "$status" -eq 0 ]
check "it says nothing on stderr" [ ! -s stderr ]
check "a row for each of 4 models and 7 numbers of steps" [ "$(wc -l < one/few_steps.csv)" -eq 29 ]
check "the same in the JSON" [ "$(grep -c '"w2":' one/few_steps.json)" -eq 28 ]
check "each distance has its floor" [ "$(grep -c '"w2_floor": 0\.' one/few_steps.json)" -eq 28 ]
check "no distance is missing" [ "$(grep -c '"w2": [0-9]' one/few_steps.json)" -eq 28 ]
check "the figure is a picture" is_png one/distance_by_steps.png

run "$few_steps" "${small[@]}" --threads 1 --out two
check "the same numbers with one thread" cmp -s one/few_steps.csv two/few_steps.csv
cp two/few_steps.csv before.csv
run "$few_steps" "${small[@]}" --resume --out two
check "--resume finds what is there" grep -q "seed0, of an earlier run" stdout
check "and ends with the same numbers" cmp -s before.csv two/few_steps.csv
run "$few_steps" "${small[@]}" --seed 1 --resume --out two
check "but not that of another seed" [ "$(grep -c "of an earlier run" stdout)" -eq 0 ]
check "which has other numbers" [ -n "$(diff before.csv two/few_steps.csv)" ]
check "it says what a reflow does to straightness" grep -q "^straightness .* times less" stdout

finish
