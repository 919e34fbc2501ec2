#!/usr/bin/env bash
# Is a flow in one command as good as what one would write in Python? Two tables, made up; three ways to a density of
# each, all scored on the same 2 000 rows, which none of them has seen:
#
#   gradflow        gradflow fit: the best of a Gaussian, a mixture and two flows
#   scikit-learn    rivals/mixture.py: a mixture of Gaussians, their number chosen on rows kept apart
#   PyTorch         rivals/spline_flow.py: a flow of spline couplings
#
#   experiments/rivals.sh [DIRECTORY]     default: results/rivals
#
# Each on one core. Prints a table: mean log p of the rows in nats, seconds of processor time, lines that a user
# writes (without comments). What Python has not got is left out (Debian: python3-sklearn, python3-torch).
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,13s/^# \?//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${build_packages[@]}"
cmake --preset experiments
cmake --build --preset experiments --target gradflow
gradflow=$PWD/build/experiments/experiments/gradflow
rivals=$PWD/experiments/rivals
# shellcheck source=experiments/table/examples.sh
. experiments/table/examples.sh
mkdir -p "${1:-results/rivals}"
cd "${1:-results/rivals}"
export OMP_NUM_THREADS=1 TIMEFORMAT=%U

python_with() {  # python_with MODULE: the first that has it
  local python
  for python in python3 /usr/bin/python3; do
    "$python" -c "import $1" 2> /dev/null && echo "$python" && return
  done
  return 1
}
code_lines() {  # of a script, without comments, the text at its head and empty lines
  awk '/"""/ { n = gsub(/"""/, "&"); if (n == 1) inside = !inside; next } !inside && NF && $1 !~ /^#/' "$1" | wc -l
}
line() { printf '%-9s %-13s %20s %9s %6s\n' "$@"; }
rival() {  # rival NAME MODULE SCRIPT TABLE [CLASS]
  local python reached error seconds
  if ! python=$(python_with "$2"); then
    line "$4" "$1" "no $2" - -
    return
  fi
  seconds=$({ time "$python" "$rivals/$3" "$4_train.csv" "$4_test.csv" "${@:5}" > reached.txt; } 2>&1 | tail -n 1)
  read -r reached error < reached.txt
  line "$4" "$1" "$(LC_ALL=C printf '%.4f ± %.4f' "$reached" "$error")" "$seconds" "$(code_lines "$rivals/$3")"
}

make_spirals > spirals.csv
make_heavy > heavy.csv
{
  line table by "log p, nats a row" seconds lines
  for table in spirals heavy; do
    class=()
    [ "$table" = heavy ] && class=(class)
    { head -n 1 "$table.csv"; tail -n 2000 "$table.csv"; } > "${table}_test.csv"
    head -n 18001 "$table.csv" > "${table}_train.csv"
    seconds=$({ time "$gradflow" fit "${table}_train.csv" ${class:+--given class} --out "$table.fit" --overwrite \
      --no-page > "$table.log" 2>&1; } 2>&1)
    reached=$("$gradflow" score "$table.fit" "${table}_test.csv" 2>&1 > /dev/null |
      sed -n 's/.*mean log p \(.*\) nats a row.*/\1/p')
    line "$table" gradflow "$reached" "$seconds" 1
    rival scikit-learn sklearn mixture.py "$table" ${class:+class}
    rival PyTorch torch spline_flow.py "$table" ${class:+class}
  done
} | tee table.txt
