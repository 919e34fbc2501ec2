#!/usr/bin/env bash
# Installs what is missing, builds everything, runs every test and says what the tables of them hold.
#
#   tests/run.sh             the release build (preset "release" of CMakePresets.json)
#   tests/run.sh develop     the same, each file compiled alone
#   tests/run.sh sanitize    the same tests under the address and undefined-behaviour sanitizers
#   tests/run.sh clang       the same tests as clang builds them, its warnings taken for errors
#   tests/run.sh thread      those that use threads, under clang's thread sanitizer
#   tests/run.sh no-blas     without OpenBLAS: all products by our own
#   tests/run.sh no-threads  without OpenMP: one thread
#   tests/run.sh plain       without either, and for any processor (no -march=native)
#   tests/run.sh browser     the library compiled for the browser, in node
#
# Parts of them, once built: ctest --preset release -L consumer, the programs of others that link the
# library; ctest --preset release -R chapter, the code in the chapters.
#
# More, each with --help:
#   tests/tools/kill.sh 40         kills trainings at random moments and goes on with --resume
#   tests/tools/hashes.sh          the same weights from other compilers and on other processors
#   tests/tools/ranks.sh 20        several processes (MPI) train one model; one of them is killed
#   tests/tools/fuzz.sh 60         fuzzes each reader of files
#   tests/tools/valgrind.sh        a short training of each experiment under valgrind
#   tests/tools/tidy.sh            clang-tidy
#   tests/tools/coverage.sh        line coverage of tensor, autograd, nn and flows
#   tests/tools/docs.sh            the API documentation, by Doxygen; a name without a comment is an error
#   tests/size.sh                  how much there is to read
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
preset=${1:-release}
packages=("${build_packages[@]}" "${figure_packages[@]}" "${test_packages[@]}")
case "$preset" in
  release | develop | sanitize | no-blas | no-threads | plain) ;;
  browser) packages=("${browser_packages[@]}" catch2) ;;
  clang | thread) packages+=("${clang_packages[@]}") ;;
  -h | --help) sed -n '/^#!/d; /^#/!q; s/^# \?//p' "$0"; exit 0 ;;
  *) echo "tests/run.sh: unknown: $preset; see --help" >&2; exit 2 ;;
esac

install_packages "${packages[@]}"
cmake --preset "$preset"
cmake --build --preset "$preset"
tests/size.sh
echo
# What the tables of the tests have checked is said before ctest's own summary, which comes last.
tables="build/$preset/tests/registry_*.txt"
# shellcheck disable=SC2086  # several files
rm -f $tables
ctest --preset "$preset" -j "$(nproc)" |
  awk -v say="cat $tables 2>/dev/null; echo" \
    '/ tests passed, / { fflush(); system(say) } { print; fflush() }'
