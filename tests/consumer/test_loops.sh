#!/usr/bin/env bash
# Holds that no loop over numbers in the library is a weak symbol, as inline functions and templates
# are. Of those the linker takes the first it meets, which may be that of a program compiled without
# optimisation or for an older processor; and the library itself would then run with it.
#
#   test_loops.sh LIBRARY.a
set -euo pipefail
if nm -C "$1" 2>/dev/null | grep -E ' [WV] [^(]*gradflow::(detail|kernel)::(map|run|walk|dispatch|operator)\b'; then
  echo "These loops are weak symbols: let a lambda stand in for std::plus or its like, or move the" \
       "function to a .cpp file." >&2
  exit 1
fi
