#!/usr/bin/env bash
# A short run of each experiment under valgrind: no invalid read or write, no use of a value that was
# never set, no memory lost for good.
#
#   tests/tools/valgrind.sh
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,5s/^# \?//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/../.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${build_packages[@]}" valgrind
cmake --preset valgrind
cmake --build --preset valgrind

# Valgrind is some fifty times slower: the training is watched, from the first step to the saved
# weights, and then the run is stopped, as a user would, before it measures and draws.
programs=build/valgrind/experiments
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0
for name in normalizing_flow flow_matching conditional_flow_matching; do
  log=$scratch/$name
  OPENBLAS_CORETYPE=Haswell env --default-signal=INT valgrind --error-exitcode=99 \
    --errors-for-leak-kinds=definite --leak-check=full --suppressions=tests/tools/valgrind.supp \
    --log-file="$log.valgrind" "$programs/$name" --points 600 --epochs 1 --threads 2 \
    --out "$scratch/out" > "$log.out" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2> /dev/null && ! grep -q '; weights ' "$log.out"; do sleep 0.2; done
  kill -INT "$pid" 2> /dev/null || true
  wait "$pid" || true
  if ! grep -q '; weights ' "$log.out"; then
    echo "$name: did not end its training"
    cat "$log.out"
    status=1
  fi
  printf '%s: %s\n' "$name" "$(sed -n 's/^==[0-9]*== ERROR SUMMARY: //p' "$log.valgrind")"
  if ! grep -q 'ERROR SUMMARY: 0 errors' "$log.valgrind"; then
    sed 's/^==[0-9]*== /    /' "$log.valgrind" | head -n 60
    status=1
  fi
done
exit "$status"
