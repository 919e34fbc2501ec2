#!/usr/bin/env bash
# Holds that a file compiles as it stands, and with -DWRONG fails with the error that its line
#   // error: a regular expression, for any compiler's words
# expects. So it cannot fail for another reason than the mistake in it.
#
#   must_not_compile.sh FILE.cpp
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.."
file=$1
compile=("${CXX:-c++}" -std=c++20 -fopenmp-simd -fsyntax-only -I. "$file")

die() { echo "$file $1" >&2; exit 1; }

expected=$(sed -n 's|^// error: ||p' "$file")
[ -n "$expected" ] || die "names no error"
"${compile[@]}" || die "does not compile without -DWRONG"
if log=$("${compile[@]}" -DWRONG 2>&1); then die "compiles with -DWRONG"; fi
errors=$(grep 'error: ' <<<"$log") || die "fails without an error: $log"
grep -Eq "$expected" <<<"$errors" || die "fails with another error than expected, /$expected/: $errors"
echo "$errors"
