#!/usr/bin/env bash
# Which lines of tensor, autograd, nn and flows the tests reach, in float and in double together.
#
#   tests/tools/coverage.sh [GOAL]     prints the share for each folder and the lines that are missing;
#                                fails if the whole is under GOAL percent (default 97)
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,6s/^# \?//p' "$0"; exit 0 ;; esac
goal=${1:-97}
cd "$(dirname "$0")/../.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${build_packages[@]}" "${test_packages[@]}" lcov
cmake --preset coverage
cmake --build --preset coverage
find build/coverage -name '*.gcda' -delete
ctest --preset coverage -j "$(nproc)"

info=build/coverage/lines.info
lcov --quiet --capture --directory build/coverage --base-directory . --no-external \
  --output-file "$info.all"
lcov --quiet --extract "$info.all" "$PWD/tensor/*" "$PWD/autograd/*" "$PWD/nn/*" "$PWD/flows/*" \
  --output-file "$info"

# A record: SF:file, then DA:line,count for each of its lines of code.
awk -F'[:,]' -v root="$PWD/" -v goal="$goal" '
  /^SF:/ { file = substr($0, 4); sub(root, "", file); split(file, part, "/") }
  /^DA:/ { lines[part[1]]++; all++
           if ($3 > 0) { reached[part[1]]++; reached_all++ } else missing = missing "\n  " file ":" $2 }
  END {
    n = split("tensor autograd nn flows", folders, " ")
    for (i = 1; i <= n; i++) { f = folders[i]
      printf "%-10s%5d of %5d lines  %6.2f %%\n", f, reached[f], lines[f], 100 * reached[f] / lines[f] }
    printf "%-10s%5d of %5d lines  %6.2f %%\n", "all", reached_all, all, 100 * reached_all / all
    if (missing != "") print "not reached:" missing
    exit !(100 * reached_all / all >= goal)
  }' "$info"
