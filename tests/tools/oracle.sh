#!/usr/bin/env bash
# Checks this project against PyTorch, which the test suite itself does not need:
#
#   1. the golden files in tests/oracle/ are what PyTorch computes (they are made anew, in memory)
#   2. the library agrees with them, in float and in double; and loads the weights in them, which
#      PyTorch's side has written
#   3. weights that the experiments have saved load into PyTorch, which gets the same log_prob,
#      velocities and samples
#
#   tests/tools/oracle.sh          trains three small models for the third
#   tests/tools/oracle.sh DIR      uses the results in DIR instead, e.g. those of experiments/reproduce.sh
#
# Exit code: 0 if all agrees, 1 if not, 77 if PyTorch is not there and nothing was checked.
set -uo pipefail

results=
if [ $# -gt 0 ]; then
  case "$1" in
    -h | --help) sed -n '2,13s/^# \?//p' "$0"; exit 0 ;;
    *) if ! results=$(cd "$1" 2>/dev/null && pwd) || [ ! -s "$results/report.json" ]; then
         echo "oracle.sh: $1: not a directory of results (no report.json)" >&2; exit 2
       fi ;;
  esac
fi
cd "$(dirname "$0")/../.." || exit 1

python=
for candidate in python3 /usr/bin/python3; do  # the first may be one without Debian's packages
  "$candidate" -c 'import numpy, torch' 2>/dev/null && { python=$candidate; break; }
done
if [ -z "$python" ]; then
  echo "oracle.sh: skipped, nothing was checked: python3 has no torch and numpy; hint: apt-get install python3-torch"
  exit 77
fi

. .ci/packages.sh
install_packages "${build_packages[@]}" "${figure_packages[@]}" "${test_packages[@]}" || exit 1
cmake --preset release > /dev/null || exit 1
cmake --build --preset release --target tests_float tests_double \
  normalizing_flow flow_matching conditional_flow_matching -- --quiet || exit 1

failures=0
step() {  # step WHAT COMMAND...
  echo "== $1"
  shift
  "$@" || { failures=$((failures + 1)); echo "== FAILED: $*"; }
}

step "the golden files, made anew" "$python" tests/oracle/make_golden.py --check
for precision in float double; do
  step "the library against them, in $precision" "build/release/tests/tests_$precision" "oracle: *"
done
if [ -z "$results" ]; then
  results=$(mktemp -d)
  trap 'rm -rf "$results"' EXIT
  for program in normalizing_flow flow_matching conditional_flow_matching; do
    step "a small run of $program" "build/release/experiments/$program" \
      --points 20000 --epochs 3 --out "$results"
  done
fi
step "the weights that the experiments saved, in PyTorch" \
  "$python" tests/oracle/check_weights.py "$results"

if [ "$failures" -gt 0 ]; then
  echo "oracle.sh: $failures of the checks failed"
  exit 1
fi
echo "oracle.sh: all agrees with PyTorch $("$python" -c 'import torch; print(torch.__version__)')"
