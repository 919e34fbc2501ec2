#!/usr/bin/env bash
# The five tables by which papers compare densities: POWER, GAS, HEPMASS, MINIBOONE, BSDS300, each fitted by
# gradflow and scored on the test rows that the papers use. You need their files:
#
#   https://zenodo.org/record/1161203, data.tar.gz (817 MB), unpacked
#
#   experiments/uci.sh DIRECTORY [OPTION]...
#
# DIRECTORY holds power/data.npy, gas/ethylene_CO.pickle, hepmass/1000_{train,test}.csv, miniboone/data.npy,
# BSDS300/BSDS300.hdf5, or some of these: what is missing is named and left out. Options are those of
# `gradflow fit`; without any: --model spline --time 1h. Results are in results/uci (or $UCI_OUT).
#
# It needs python3 with numpy; for gas pandas as well, for BSDS300 h5py. Validation rows are drawn at random from
# those that the papers train and validate on; the test rows are theirs.
set -euo pipefail
case "${1:---help}" in -h | --help) sed -n '2,15s/^# \?//p' "$0"; exit 0 ;; esac
[ -d "$1" ] || { echo "uci.sh: $1: no directory; see --help" >&2; exit 2; }
data=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- --model spline --time 1h
cd "$(dirname "$0")/.."
prepare=$PWD/experiments/rivals/uci.py

if [ -z "${GRADFLOW:-}" ]; then
  # shellcheck source=.ci/packages.sh disable=SC2154
  . .ci/packages.sh
  install_packages "${build_packages[@]}" "${figure_packages[@]}"
  cmake --preset experiments
  cmake --build --preset experiments --target gradflow
fi
gradflow=${GRADFLOW:-$PWD/build/experiments/experiments/gradflow}
python=$(for p in python3 /usr/bin/python3; do "$p" -c 'import numpy' 2> /dev/null && echo "$p" && break; done) ||
  { echo "uci.sh: no python3 with numpy; hint: apt-get install python3-numpy" >&2; exit 1; }
mkdir -p "${UCI_OUT:-results/uci}"
cd "${UCI_OUT:-results/uci}"

# The mean log p of the test rows, in nats: a Gaussian and MAF (5) of Papamakarios et al. (2017), spline couplings
# of Durkan et al. (2019).
published() {
  case $1 in
    power) echo "-7.74 0.14 0.64" ;;
    gas) echo "-3.58 9.07 13.09" ;;
    hepmass) echo "-27.93 -17.70 -14.75" ;;
    miniboone) echo "-37.24 -11.75 -9.67" ;;
    bsds300) echo "96.67 155.69 157.54" ;;
  esac
}

table=$(printf '%-10s %20s %10s %10s %10s' table here Gaussian "MAF (5)" "RQ-NSF (C)")
for set in power gas hepmass miniboone bsds300; do
  status=0
  "$python" "$prepare" "$data" "$set" "$set" || status=$?
  if [ "$status" -eq 3 ]; then
    echo "$set is left out" >&2
    continue
  fi
  [ "$status" -eq 0 ] || exit "$status"
  "$gradflow" fit "${set}_train.npy" --overwrite --test 0 --out "$set.fit" "$@"
  reached=$("$gradflow" score "$set.fit" "${set}_test.npy" --out "${set}_scores.npy" 2>&1 | tee /dev/stderr |
    sed -n 's/.*mean log p \([-0-9.]* ± [0-9.]*\) nats.*/\1/p')
  read -r gaussian maf spline <<< "$(published "$set")"
  table+=$(printf '\n%-10s %20s %10s %10s %10s' "$set" "$reached" "$gaussian" "$maf" "$spline")
done
echo
printf '%s\n' "$table" | tee table.txt
