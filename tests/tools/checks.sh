# shellcheck shell=bash disable=SC2034
# Sourced by the test scripts: counts checks, and runs programs that are expected to fail.
#
# The idea: no `set -e`. Each check says what it found, all of them are done, and `finish` returns
# whether all of them held.

checks=0 failures=0

check() {  # check WHAT COMMAND...: the command must succeed
  local what=$1
  shift
  checks=$((checks + 1))
  "$@" && return
  failures=$((failures + 1))
  printf 'FAILED: %s\n' "$what"
  # shellcheck disable=SC2086  # several files
  sed 's/^/    /' ${errors:-stderr} 2> /dev/null | head -n "${shown:-5}"
}

timeout=$(command -v timeout)  # now: some tests hide all programs from PATH

# run COMMAND...: sets $status; the outputs are in the files stdout and stderr. What hangs is ended
# after two minutes, with status 124.
run() {
  "$timeout" --foreground "${limit:-120}" "$@" > stdout 2> stderr < /dev/null
  status=$?
}

finish() {
  printf '%d checks, %d failed\n' "$checks" "$failures"
  [ "$failures" -eq 0 ]
}

# scratch_directory: goes to a new directory, which is removed at the end.
scratch_directory() {
  scratch=$(mktemp -d) && cd "$scratch" || exit 1
  trap 'cd / && rm -rf "$scratch"' EXIT
}

# fake_gnuplot NAME SCRIPT: makes a gnuplot, for the front of PATH, in the directory NAME.
fake_gnuplot() {
  mkdir "$scratch/$1"
  printf '#!/bin/sh\n%s\n' "$2" > "$scratch/$1/gnuplot"
  chmod +x "$scratch/$1/gnuplot"
}

is_png() { [ "$(head -c 8 "$1" 2> /dev/null | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]; }
one_line() { [ "$(wc -l < "$1")" -eq 1 ]; }
says() { grep -qF -- "$1" "${2:-stderr}"; }
weights_hash() { sed -n 's/.*; weights \([0-9a-f]*\) in .*/\1/p' "$1"; }
