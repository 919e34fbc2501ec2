#!/usr/bin/env bash
# How much there is to read: lines of code, without comments and blank lines.
#
#   evening        what an evening reads: tensor, autograd, nn and flows, but for what only makes them
#                  fast or lets them run elsewhere (kernels/, threads/, ranks, the fused forms and
#                  their plain loops), and but for the zoo
#   zoo            what a flow can be made of besides: each file, or pair of files, by itself
#   reading path   the files that README.md names as the path through the code
#
#   tests/size.sh           prints them
#   tests/size.sh --check   fails, too, if they have outgrown their limits
set -euo pipefail
cd "$(dirname "$0")/.."
evening_limit=2800 path_limit=1000
case "${1:-}" in
  '' | --check) ;;
  -h | --help) sed -n '2,11s/^# \?//p' "$0"; exit 0 ;;
  *) echo "tests/size.sh: unknown option: $1; see --help" >&2; exit 2 ;;
esac

# The lines of code of the files named on standard input, with the sum.
count() { xargs -r awk '{ sub(/\/\/.*/, "") } !/^[[:space:]]*$/ { n++ } END { print n + 0 }'; }

# The zoo: maps, layers, bases, pairings and solvers beside those that the house was built with. A
# univariate map or a layer takes at most some sixty lines, header included (planar 61), except
# rational_quadratic: 116, for a curve in pieces, its slope and its inverse, all in closed form.
zoo='lu|actnorm|rotation|householder|rational_quadratic|circular|planar|radial|mixture|uniform|classes'
zoo+='|class_conditional|residual_network|assignment|simplex[a-z_]*|sinkhorn|pairing|interpolant|bridge'
zoo+='|guidance|reflow|mean_flow|density|euler[a-z_]*|adaptive|curve'

rooms() {  # the files of the rooms named, but for fast forms
  find "$@" \( -name kernels -o -name threads \) -prune -o \
    \( -name '*.h' -o -name '*.cpp' \) ! -name 'ranks*' ! -name '*_fused*' ! -name 'plain*' -print
}
in_zoo="(flows/.*|nn)/($zoo)\.(h|cpp)$"
house() { rooms "$@" | grep -vE "$in_zoo"; }
path() {  # the links of the paragraph "An evening's path through the code" in README.md
  awk '/^An evening.s path through the code/ { on = 1 } on && /^$/ { exit } on' README.md |
    grep -o '](\([^)]*\))' | sed 's/^](//; s/)$//'
}

for room in tensor autograd nn flows; do
  printf '%-14s %6d\n' "$room" "$(house "$room" | count)"
done
evening=$(house tensor autograd nn flows | count)
reading=$(path | count)
printf '%-14s %6d   at most %d\n' evening "$evening" "$evening_limit"
printf '%-14s %6d   in %d files\n' zoo "$(rooms flows nn | grep -E "$in_zoo" | count)" \
  "$(rooms flows nn | grep -cE "$in_zoo")"
printf '%-14s %6d   at most %d\n' 'reading path' "$reading" "$path_limit"
if [ "${1:-}" = --check ] && { [ "$evening" -gt "$evening_limit" ] || [ "$reading" -gt "$path_limit" ]; }; then
  echo "tests/size.sh: more to read than an evening takes" >&2
  exit 1
fi
