#!/usr/bin/env bash
# How long the library is: for each room and in all, the lines of code (without comments and blank
# lines), and those of them that say something (without includes, namespaces and lone braces too).
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  '') ;;
  -h | --help) sed -n '2,3s/^# \?//p' "$0"; exit 0 ;;
  *) echo "tests/size.sh: unknown option: $1; see --help" >&2; exit 2 ;;
esac

awk '
  { sub(/\/\/.*/, ""); room = FILENAME; sub(/\/.*/, "", room) }
  /^[[:space:]]*$/ { next }
  { code[room]++; code["all"]++ }
  /^[[:space:]]*(#include.*|#pragma once|namespace.*\{|[{}]+;?)[[:space:]]*$/ { next }
  { telling[room]++; telling["all"]++ }
  END {
    printf "%-9s %6s %14s\n", "room", "code", "says something"
    split("tensor autograd nn flows all", rooms, " ")
    for (i = 1; i <= 5; i++) printf "%-9s %6d %14d\n", rooms[i], code[rooms[i]], telling[rooms[i]]
  }' {tensor,autograd,nn,flows}/*.{h,cpp}
