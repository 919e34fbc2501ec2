#!/usr/bin/env bash
# The benchmark: that it measures each workload and says so in a form that can be read, that its check
# against libtorch can fail, and that wrong options are refused. No test looks at how fast anything is.
#
#   tests/benchmark/test_benchmark.sh DIR [brief]     DIR holds the programs; brief: no scaling study
#
# No `set -e`: programs are expected to fail here. Each check says what it found; all are done.
set -uo pipefail

programs=$(cd "${1:?usage: test_benchmark.sh DIRECTORY_OF_THE_PROGRAMS [brief]}" && pwd)
brief=${2:-}
benchmark=$programs/benchmark libtorch=$programs/benchmark_libtorch
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/tools/checks.sh
. "$here/tools/checks.sh"
limit=600  # seconds; some of these programs train
scratch_directory

one_line() { [ "$(wc -l < "$1")" -eq 1 ]; }

# The row of a workload: name, program, median, min, max, unit, peak memory, first step, data.
sane_row() {
  awk -v workload="$1" -v unit="$2" '
    $1 == workload && $2 == "gradflow" {
      found = NF == 9 && $6 == unit && $4 > 0 && $4 <= $3 && $3 <= $5 && $7 > 1 && $7 < 10000 &&
              $8 > 0 && $9 >= 0
    }
    END { exit !found }' stdout
}

# --- each workload ---------------------------------------------------------------------------------

short=(--seconds 0.02 --without-libtorch)
for workload in normalizing_flow flow_matching conditional sampling large_mlp; do
  unit=steps/s
  [ $workload = sampling ] && unit=samples/s
  run "$benchmark" "${short[@]}" --workload $workload --json $workload.json
  check "$workload: succeeds" [ "$status" -eq 0 ]
  check "$workload: says first which BLAS core there is" \
    grep -qE '^BLAS core [A-Za-z0-9_]+ \((OpenBLAS |ours)' <(head -n 1 stdout)
  check "$workload: a row of sane numbers" sane_row $workload $unit
  check "$workload: no other row" [ "$(grep -c 'gradflow' stdout)" -eq 1 ]
  for key in core threads shards "$workload" unit median min max rates peak_memory_mb \
      first_step_seconds; do
    check "$workload: the JSON file has $key" grep -q "\"$key\":" $workload.json
  done
done
run "$benchmark" "${short[@]}" --workload flow_matching --threads 2 --shards 4 --cpu-time
check "two threads, four shards" sane_row flow_matching steps/s

# --- the comparison --------------------------------------------------------------------------------

pair=(--compare --pairs 2 --seconds 0.02 --workload flow_matching)
run "$benchmark" "${pair[@]}" --without-libtorch
check "--compare without libtorch: succeeds" [ "$status" -eq 0 ]
check "two pairs of one thread and two" [ "$(grep -c '1 thread .*2 threads .*ratio' stdout)" -eq 2 ]
check "and how far apart the processors were" [ "$(grep -c 'ratio [0-9.]* ([0-9inf]* ns apart)' stdout)" -eq 2 ]
check "a table" grep -q '^| flow_matching, steps/s | - | [0-9.]* | - | [0-9.]* | \*\*' stdout

if [ -x "$libtorch" ]; then
  run "$benchmark" "${pair[@]}"
  check "--compare: succeeds" [ "$status" -eq 0 ]
  check "it says how far the two programs are apart" grep -q 'gradient [0-9.]*e-[0-9]* (at most' stdout
  check "two pairs with libtorch" [ "$(grep -c 'libtorch [0-9].*gradflow [0-9].*: ratio' stdout)" -eq 2 ]
  check "and a table of ratios" \
    grep -q '^| flow_matching, steps/s | [0-9.]* | [0-9.]* | \*\*[0-9.]*\*\* (' stdout

  apart() { sed -n "s/.*\"$1\":\([0-9.e-]*\)[,}].*/\1/p" stdout; }
  below() { [ -n "$1" ] && awk "BEGIN { exit !($1 < $2) }"; }
  agree() {
    below "$(apart loss)" 1e-5 && below "$(apart gradient)" 1e-5 &&
      below "$(apart "two steps of Adam")" 1e-6
  }
  differ() { ! agree; }
  for workload in normalizing_flow conditional; do
    "$benchmark" write-check $workload file
    run "$libtorch" check $workload file
    check "$workload: libtorch succeeds" [ "$status" -eq 0 ]
    check "$workload: loss, gradient and steps are the same in libtorch" agree
  done
  # One number of the file, in its middle, becomes 1e30 (bytes ca f2 49 71, little-endian).
  middle=$(($(wc -c < file) / 2))
  printf '\xca\xf2\x49\x71' | dd of=file bs=1 seek=$((middle - middle % 4)) conv=notrunc status=none
  run "$libtorch" check conditional file
  check "libtorch still succeeds" [ "$status" -eq 0 ]
  check "but a wrong number is noticed" differ
fi

# --- the study of scaling --------------------------------------------------------------------------

if [ "$brief" != brief ]; then
  run "$benchmark" --scaling study --seconds 0.001
  check "--scaling: succeeds" [ "$status" -eq 0 ]
  check "a row for each size, and a header" [ "$(wc -l < study/scaling.csv)" -eq 51 ]
  for axis in batch width depth; do
    check "scaling_$axis.png is a picture" is_png study/scaling_$axis.png
    check "scaling_${axis}_cost.png is a picture" is_png study/scaling_${axis}_cost.png
  done
fi

# --- wrong options ---------------------------------------------------------------------------------

while read -r arguments; do
  # shellcheck disable=SC2086  # several words
  run "$benchmark" $arguments
  check "$arguments: 2" [ "$status" -eq 2 ]
  check "$arguments: one line" one_line stderr
  check "$arguments: which says who speaks" grep -q '^benchmark: ' stderr
  check "$arguments: nothing is measured" [ ! -s stdout ]
done << 'END'
--workload everything
--workload
--threads 0
--threads -1
--threads two
--threads 1e9
--shards 0
--seconds 0
--seconds -1
--seconds nan
--seconds inf
--seconds soon
--pairs 3
--compare --pairs 0
--compare --threads 2
--compare --scaling study2
--scaling study2 --workload sampling
--unknown
stray
END
check "no directory was made" [ ! -e study2 ]
run "$benchmark" --help
check "--help: 0" [ "$status" -eq 0 ]
for option in workload threads shards seconds json compare pairs scaling; do
  check "--help explains --$option" grep -q -- "--$option" stdout
done
run "$benchmark" "${short[@]}" --json no_directory/file.json
check "a JSON file that cannot be written: 1" [ "$status" -eq 1 ]
check "one line" one_line stderr
check "that names it" grep -q 'no_directory/file.json' stderr
check "before anything is measured" [ ! -s stdout ]

finish
