#!/usr/bin/env bash
# clang-tidy over every source file; what it checks, and what it does not and why, is in .clang-tidy.
#
#   tests/tools/tidy.sh [FILE...]     all, or the files named
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,4s/^# \?//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/../.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${build_packages[@]}" "${test_packages[@]}" "${clang_packages[@]}" clang-tidy-14
# Clang's own build tells how each file is compiled; nothing needs to be built.
cmake --preset clang -B build/tidy -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCMAKE_UNITY_BUILD=OFF > /dev/null
# A file that is compiled in float and in double is looked at once, in float.
commands=build/tidy/float
mkdir -p "$commands"
awk 'BEGIN { RS = "},?\n"; printf "[" }
     /"file"/ && !/-DGRADFLOW_DOUBLE/ { sub(/^\[\n/, ""); printf "%s%s}", sep, $0; sep = ",\n" }
     END { print "]" }' build/tidy/compile_commands.json > "$commands/compile_commands.json"
if [ $# -gt 0 ]; then files=("$@"); else
  mapfile -t files < <(find tensor autograd nn flows experiments tests -name '*.cpp' | sort)
fi
known=()  # those that the build compiles
for file in "${files[@]}"; do
  if grep -qF "\"$PWD/$file\"" "$commands/compile_commands.json"; then known+=("$file"); fi
done
status=0
printf '%s\n' "${known[@]}" | xargs -n 1 -P "$(nproc)" \
  clang-tidy-14 --quiet -p "$commands" > build/tidy/tidy.log 2>/dev/null || status=1
grep -E 'warning:|error:' build/tidy/tidy.log | sort -u || true
printf '%d files, %d complaints\n' "${#known[@]}" \
  "$(grep -E 'warning:|error:' build/tidy/tidy.log | sort -u | wc -l)"
exit "$status"
