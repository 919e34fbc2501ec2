#!/usr/bin/env bash
# Do the tests see mistakes? Puts the mistakes of tests/tools/mutants.txt into a copy of the sources, one
# at a time (a sign flipped, a factor dropped, two arguments swapped), and runs the tests, which must
# fail each time. One that they do not see has survived: a gap in the tests.
#
#   tests/tools/mutate.sh               all mutants
#   tests/tools/mutate.sh --quick       every fifth
#   tests/tools/mutate.sh --only TEXT   those in files whose name holds TEXT
#   tests/tools/mutate.sh --from N      from the N-th on: a run that was stopped goes on
#   tests/tools/mutate.sh --part K/N    every N-th from the K-th on: N clones of the project share the work
#
# The copy and its build are in build/mutants. Exit code 1: one has survived; 2: wrong options, or
# the table does not fit the sources.
set -euo pipefail
cd "$(dirname "$0")/../.."

every=1 first=1 only="" from=1
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) every=5 ;;
    --only) [ $# -ge 2 ] || { echo "tests/tools/mutate.sh: --only needs a part of a file's name" >&2; exit 2; }
            only=$2; shift ;;
    --from) case "${2:-}" in '' | 0* | *[!0-9]*)
              echo "tests/tools/mutate.sh: --from needs the number of a mutant, from 1" >&2; exit 2 ;; esac
            from=$2; shift ;;
    --part) [[ ${2:-} =~ ^([1-9][0-9]*)/([1-9][0-9]*)$ ]] && [ "${2%/*}" -le "${2#*/}" ] || {
              echo "tests/tools/mutate.sh: --part needs K/N, the K-th of N parts, such as 1/2" >&2; exit 2; }
            first=${2%/*} every=${2#*/}; shift ;;
    -h | --help) sed -n '2,14s/^# \?//p' "$0"; exit 0 ;;
    *) echo "tests/tools/mutate.sh: unknown option: $1; see --help" >&2; exit 2 ;;
  esac
  shift
done

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${build_packages[@]}" "${test_packages[@]}"

table=tests/tools/mutants.txt
work=build/mutants
tree=$work/tree
log=$work/log.txt
mkdir -p "$tree"

fail() { echo "tests/tools/mutate.sh: $*" >&2; exit 2; }

# --- The table: a list of files, places (`@`: look behind this text), texts and what to put instead --

files=() anchors=() texts=() replacements=()
read_table() {
  local line file="" anchor="" text="" number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case "$line" in
      "" | "#"*) ;;
      "file "*) file=${line#file } anchor="" ;;
      "@ "*) anchor=${line#@ } ;;
      "- "*) text=${line#- } ;;
      "+ "* | "+")
        if [ -z "$file" ] || [ -z "$text" ]; then
          fail "$table:$number: a '+' without a file and a '-' before it"
        fi
        files+=("$file") anchors+=("$anchor") texts+=("$text") replacements+=("${line#+}")
        replacements[-1]=${replacements[-1]# }
        text="" ;;
      *) fail "$table:$number: neither file, @, - nor +: $line" ;;
    esac
  done <"$table"
}

# mutated FILE ANCHOR TEXT REPLACEMENT: sets $after, the file's text with the mistake, and $found_at, all
# that stands before it.
mutated() {
  local file=$1 anchor=$2 text=$3 replacement=$4 head="" rest
  [ -f "$file" ] || fail "$table: no such file: $file"
  rest=$(<"$file")
  if [ -n "$anchor" ]; then
    [[ $rest == *"$anchor"* ]] || fail "$table: $file has no \"$anchor\" any more"
    head=${rest%%"$anchor"*}$anchor
    rest=${rest#*"$anchor"}
  fi
  [[ $rest == *"$text"* ]] || fail "$table: $file has no \"$text\"${anchor:+ behind \"$anchor\"} any more"
  if [ -z "$anchor" ] && [[ ${rest#*"$text"} == *"$text"* ]]; then
    fail "$table: \"$text\" is in $file more than once; say behind what with an @ line"
  fi
  after=$head${rest%%"$text"*}$replacement${rest#*"$text"}
  found_at=$head${rest%%"$text"*}
}

read_table
total=${#texts[@]}
[ "$from" -le "$total" ] || fail "$table has $total mutants"
[[ " ${files[*]} " == *"$only"* ]] || fail "no file of $table has \"$only\" in its name"
for ((i = 0; i < total; ++i)); do  # the whole table is checked before anything is built
  mutated "${files[i]}" "${anchors[i]}" "${texts[i]}" "${replacements[i]}"
done

# --- The copy ------------------------------------------------------------------------------------

# Only files that differ are written, so that what has been built stays built.
copy_sources() {
  local path
  find . \( -path ./build -o -path ./results -o -path ./.git \) -prune -o -type f -print0 |
    while IFS= read -r -d '' path; do
      cmp -s "$path" "$tree/$path" && continue
      mkdir -p "$tree/$(dirname "$path")"
      cp "$path" "$tree/$path"
    done
}

build() { cmake --build "$work/build" --target "$@" >"$log" 2>&1; }

copy_sources
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake -S "$tree" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  "-DCMAKE_CXX_FLAGS_RELEASE=-O1" -DGRADFLOW_BUILD_EXPERIMENTS=ON "${launcher[@]}" >"$log" 2>&1 ||
  { cat "$log" >&2; exit 2; }
echo "Building the tests ..."
build tests_double tests_float tests_experiments tests_table || { tail -40 "$log" >&2; exit 2; }

# The double build alone sees most, and the quick tests do; before all else comes the one that saw the
# mistake before this one, as neighbours in a file are often seen by one test. The data of the experiments,
# and what is measured on them, have a program of their own.
# find_killer FILE: sets $name to the test that fails; 1: there is none, 2: the mutant does not compile.
killer=""
find_killer() {
  local precision part programs="double float"
  case "$1" in
    experiments/table/plane_model.cpp) programs="table experiments" ;;
    experiments/table/* | experiments/run/nearest.cpp | experiments/metrics/mixture.cpp | \
      experiments/metrics/kernel_density.cpp | experiments/metrics/choice.h) programs=table ;;
    experiments/data/* | experiments/metrics/* | experiments/browser/*) programs=experiments ;;
    experiments/run/*) programs="double experiments float" ;;
  esac
  for precision in $programs; do
    build "tests_$precision" || return 2
    for part in ${killer:+"\"$killer*\"~[slow]"} "~[slow]~[.]" "[slow]~[.]"; do
      if ! timeout 300 "$work/build/tests/tests_$precision" "$part" --abort >"$log" 2>&1; then
        killer=$(grep -m1 -A1 -E '^-{20,}' "$log" | tail -1)
        name="$precision: $killer"
        return 0
      fi
    done
  done
  return 1
}

if find_killer tensor || find_killer experiments/data/; then
  echo "tests/tools/mutate.sh: the tests fail before anything is changed: $name; see $log" >&2
  exit 2
fi

# --- The mutants ---------------------------------------------------------------------------------

tried=0 killed=0 broken=0 began=$SECONDS
for ((i = 0; i < total; ++i)); do
  [ $((i % every)) -eq $((first - 1)) ] || continue
  [ $((i + 1)) -ge "$from" ] || continue
  [[ ${files[i]} == *"$only"* ]] || continue
  mutated "${files[i]}" "${anchors[i]}" "${texts[i]}" "${replacements[i]}"
  printf '%s\n' "$after" >"$tree/${files[i]}"
  tried=$((tried + 1))
  newlines=${found_at//[!$'\n']/}
  what="$((i + 1)): ${files[i]}:$((${#newlines} + 1))  ${texts[i]}  ->  ${replacements[i]:-(nothing)}"
  status=0
  find_killer "${files[i]}" || status=$?
  case $status in
    0) killed=$((killed + 1))
       printf 'killed    %s\n          by %s\n' "$what" "$name" ;;
    1) printf 'SURVIVED  %s\n' "$what" ;;
    *) broken=$((broken + 1))
       printf 'BROKEN    %s\n%s\n' "$what" "$(grep -m1 'error:' "$log")" ;;
  esac
  cp "${files[i]}" "$tree/${files[i]}"
done

echo "$tried mutants, $killed killed, $((tried - killed - broken)) survived, in $((SECONDS - began)) s"
if [ "$broken" -gt 0 ]; then fail "$broken mutants do not compile"; fi
[ "$killed" -eq "$tried" ]
