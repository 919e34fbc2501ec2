#!/usr/bin/env bash
# Trains each kind of model for a moment (tests/hashes), as compiled by several compilers, with and
# without optimisation, for several processors, on 1 to 4 threads, in both arithmetics, and compares the
# hashes of the weights with tests/hashes.json. Prints a table; its exit code is 1 if one differs.
#
#   tests/tools/hashes.sh                     all that this machine can run
#   tests/tools/hashes.sh 'g++ -O2 AVX2'      these alone
#   tests/tools/hashes.sh --write             g++ -O3, native: writes tests/hashes.json
#
# ARM64 is emulated by qemu: a minute for what takes a second. Needs g++, and for the other rows clang,
# g++-aarch64-linux-gnu and qemu-user; of fmt only its headers; no BLAS.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
golden=$root/tests/hashes.json
work=${HASHES_DIRECTORY:-$(mktemp -d)}
[ -n "${HASHES_DIRECTORY:-}" ] || trap 'rm -rf "$work"' EXIT
cd "$root"
case "${1:-}" in -h | --help) sed -n '2,12s/^# \?//p' "$0"; exit 0 ;; esac
# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages g++ libfmt-dev "${hash_packages[@]}"
arm_library=/usr/aarch64-linux-gnu

mapfile -t sources < <(find tensor autograd nn flows tests/hashes -name '*.cpp' \
  ! -name gemm_blas.cpp ! -name none.cpp ! -name ranks_mpi.cpp ! -name simplex_lemon.cpp ! -name 'test_*' | sort)
# For another processor fmt is nothing but its headers, so that none of this one's libraries is needed.
mkdir -p "$work/include" && ln -sfn /usr/include/fmt "$work/include/fmt"

# row NAME COMPILER FLAG-OF-THE-PROCESSOR OPTIONS...: one row of the table. The flag is what
# /proc/cpuinfo must list; "qemu": the program runs under it.
failed=0
row() {
  local name=$1 compiler=$2 flag=$3 builder directory object source
  shift 3
  if ! command -v "$compiler" >/dev/null; then
    printf '| %-20s | not run: no %s |\n' "$name" "$compiler"
    return
  fi
  local run=() fmt=() library=(-lfmt)
  if [ "$flag" = qemu ]; then
    command -v qemu-aarch64 >/dev/null || { printf '| %-20s | not run: no qemu-user |\n' "$name"; return; }
    run=(qemu-aarch64 -L "$arm_library") fmt=(-DFMT_HEADER_ONLY) library=()
  elif [ -n "$flag" ] && ! grep -qw "$flag" /proc/cpuinfo; then
    printf '| %-20s | not run: this processor has no %s |\n' "$name" "$flag"
    return
  fi
  builder=()
  command -v ccache >/dev/null && builder=(ccache)
  directory=$work/${name// /_}
  mkdir -p "$directory"
  local objects=()
  for source in "${sources[@]}"; do
    object=$directory/${source//\//_}.o
    "${builder[@]}" "$compiler" -std=c++20 "$@" -fopenmp -ffp-contract=off -fno-math-errno \
      -fno-trapping-math -Wno-psabi -Wno-pass-failed "${fmt[@]}" -I. -I"$work/include" \
      -c "$source" -o "$object"
    objects+=("$object")
  done
  "$compiler" -fopenmp "${objects[@]}" "${library[@]}" -o "$directory/hashes"
  local threads verdict=
  for threads in 1 2 3 4; do
    "${run[@]}" "$directory/hashes" "$threads" >"$directory/$threads.json"
    if cmp -s "$directory/$threads.json" "$golden"; then
      verdict+=' same |'
    else
      verdict+=' DIFFERS |'
      failed=1
    fi
  done
  printf '| %-20s |%s\n' "$name" "$verdict"
}

if [ "${1:-}" = --write ]; then
  row "g++ -O3 native" g++ "" -O3 -march=native >/dev/null
  cp "$work/g++_-O3_native/1.json" "$golden"
  cat "$golden"
  exit
fi

clang=clang++
command -v "$clang" >/dev/null || clang=clang++-14
echo "| hashes of tests/hashes.json | 1 thread | 2 | 3 | 4 |"
echo "|---|---|---|---|---|"
wanted=("$@")
of() {
  local name
  [ ${#wanted[@]} -eq 0 ] && return 0
  for name in "${wanted[@]}"; do [ "$name" = "$1" ] && return 0; done
  return 1
}
try() { if of "$1"; then row "$@"; fi; }
try "g++ -O3 AVX-512" g++ avx512f -O3 -march=x86-64-v4
try "g++ -O2 AVX-512" g++ avx512f -O2 -march=x86-64-v4
try "g++ -O3 AVX2" g++ avx2 -O3 -march=x86-64-v3
try "g++ -O2 AVX2" g++ avx2 -O2 -march=x86-64-v3
try "g++ -O3 SSE2" g++ "" -O3
try "g++ -O2 SSE2" g++ "" -O2
try "clang -O3 AVX-512" "$clang" avx512f -O3 -march=x86-64-v4
try "clang -O2 AVX2" "$clang" avx2 -O2 -march=x86-64-v3
try "clang -O2 SSE2" "$clang" "" -O2
try "g++ -O3 ARM64" aarch64-linux-gnu-g++ qemu -O3
try "g++ -O2 ARM64" aarch64-linux-gnu-g++ qemu -O2
exit $failed
