# Sourced by the tests of this folder: a temporary folder to work in, and what they have in common.
set -euo pipefail
export LC_ALL=C
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

die() { echo "FAILED: $*" >&2; exit 1; }

# quietly COMMAND...: shows what it printed if it fails.
quietly() { "$@" >log 2>&1 || { cat log; die "$*"; }; }

# fails TEXT COMMAND...: it must, and say this (a regular expression; its lines joined).
fails() {
  local expected=$1
  shift
  if "$@" >log 2>&1; then cat log; die "this should have failed: $*"; fi
  tr -s '\n ' ' ' <log | grep -Eq "$expected" || { cat log; die "its message is not /$expected/: $*"; }
}

# readme_project FOLDER: the project that README.md shows, from its text.
readme_project() {
  mkdir -p "$1"
  sed -n '/^```cmake$/,/^```$/p' "$source_dir/README.md" | grep -v '^```' >"$1/CMakeLists.txt"
  grep -q find_package "$1/CMakeLists.txt" || die "README.md shows no project"
  cp "$source_dir/tests/consumer/program.cpp" "$1/mine.cpp"
}

# runs PROGRAM: it trains, saves, loads, and finds the point on the bow likelier than the one beside it.
runs() {
  "$1" >log || { cat log; die "$1 ended with an error"; }
  cat log
  [ "$(grep -c '^epoch' log)" = 10 ] && [ -s bow.safetensors ] || die "$1 has not trained and saved"
  awk '/^log p/ { found = $3 > -1 && $5 < -5 } END { exit !found }' log || die "$1 scores wrongly"
  rm bow.safetensors
}
