#!/usr/bin/env bash
# Runs every fuzz target (tests/fuzz) for a while and says how many inputs each has seen.
#
#   tests/tools/fuzz.sh [SECONDS]     of each target (default 60); it starts from the seeds and from what
#                               earlier runs have found (build/fuzz/corpus)
#
# A finding is kept as build/fuzz/crash-... and ends that target; the script then fails.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,8s/^# \?//p' "$0"; exit 0 ;; esac
seconds=${1:-60}
case "$seconds" in *[!0-9]* | '') echo "fuzz.sh: $seconds: not a number of seconds" >&2; exit 2 ;; esac
cd "$(dirname "$0")/../.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${build_packages[@]}" "${clang_packages[@]}"
cmake --preset fuzz
cmake --build --preset fuzz

status=0
for target in fuzz_tensors fuzz_checkpoint fuzz_model fuzz_table_model fuzz_report fuzz_csv fuzz_npy fuzz_npz \
  fuzz_gzip fuzz_idx fuzz_picture; do
  mkdir -p "build/fuzz/corpus/$target"
  log=build/fuzz/$target.log
  # -timeout: no input may take longer than that; -rss_limit_mb: nor need more memory.
  "build/fuzz/tests/fuzz/$target" "build/fuzz/corpus/$target" "tests/fuzz/seeds/$target" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 -dict=tests/fuzz/words.dict \
    -artifact_prefix=build/fuzz/crash- -print_final_stats=1 > "$log" 2>&1 || status=1
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  findings=$(grep -c '^SUMMARY: ' "$log" || true)
  printf '%s: %s inputs, %s findings\n' "$target" "${inputs:-no}" "$findings"
  sed -n 's/^SUMMARY: /  /p;s/^fuzz: /  /p' "$log"
done
exit "$status"
