#!/usr/bin/env bash
# Installs what is missing, builds everything, runs every test and says what the tables of them hold.
#
#   tests/run.sh             the release build
#   tests/run.sh sanitize    the same tests under the address and undefined-behaviour sanitizers
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-release}
case "$preset" in
  release | sanitize) ;;
  -h | --help) sed -n '2,5s/^# \?//p' "$0"; exit 0 ;;
  *) echo "tests/run.sh: unknown preset: $preset; it is release or sanitize" >&2; exit 2 ;;
esac

. .ci/packages.sh
install_packages "${build_packages[@]}" "${figure_packages[@]}" "${test_packages[@]}"

cmake --preset "$preset"
cmake --build --preset "$preset"
ctest --preset "$preset" -j "$(nproc)"
echo
cat "build/$preset"/tests/registry_*.txt  # what the tables of the tests have checked
