#!/usr/bin/env bash
# `fashion` from end to end, on images that are made up: what it writes, that it is a function of its
# options, what it refuses.
#
#   tests/experiments/test_fashion.sh DIR     DIR holds the programs, e.g. build/release/experiments
set -uo pipefail

programs=$(cd "${1:?usage: test_fashion.sh DIRECTORY_OF_THE_PROGRAMS}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
limit=300
scratch_directory

# 300 images of 6 x 5 pixels: digits as text are bytes like others. Ten classes in turn.
made_up() {  # made_up PART SEED
  { printf '\0\0\10\3\0\0\1\54\0\0\0\6\0\0\0\5'
    awk -v seed="$2" 'BEGIN { srand(seed); for (i = 0; i < 9000; ++i) printf "%d", int(10 * rand()) }'
  } > "data/$1-images-idx3-ubyte"
  { printf '\0\0\10\1\0\0\1\54'
    for _ in {1..30}; do printf '\0\1\2\3\4\5\6\7\10\11'; done
  } > "data/$1-labels-idx1-ubyte"
}
mkdir data
made_up train 1
made_up t10k 2
gzip data/t10k-images-idx3-ubyte

fashion=$programs/fashion
least=(--quick --epochs 1 --width 16 --judged 100)
small=("${least[@]}" --data data --components 5)
number() { sed -n "s/.*\"$1\": \([-0-9.e]*\),*$/\1/p" "$2"; }

run "$fashion" "${small[@]}" --out one
check "fashion succeeds" [ "$status" -eq 0 ]
check "the picture has ten rows and columns of images" [ "$(head -n 1 one/fashion.pgm)" = "P5 59 69 255" ]
check "and all of its pixels" [ "$(wc -c < one/fashion.pgm)" -eq $((13 + 59 * 69)) ]
check "it says how far samples are from images" says "energy distance of 100 images" stdout
check "and how far from the nearest" says "to the nearest of 300 training images" stdout
for name in floor components samples guided test; do
  check "$name is in the report" [ -n "$(number $name one/report.json)" ]
done

run "$fashion" "${small[@]}" --threads 1 --out two
check "the same picture with one thread" cmp -s one/fashion.pgm two/fashion.pgm
run "$fashion" "${small[@]}" --figures-only --out two
check "and from the saved weights" cmp -s one/fashion.pgm two/fashion.pgm
run "$fashion" "${small[@]}" --guidance 3 --figures-only --out two
check "with the settings that were saved, too" cmp -s one/fashion.pgm two/fashion.pgm
run "$fashion" "${small[@]}" --guidance 3 --out three
check "another guidance is another picture" [ "$(cmp -s one/fashion.pgm three/fashion.pgm; echo $?)" -eq 1 ]

refused() {  # refused WHAT TEXT OPTION...
  local what=$1 text=$2
  shift 2
  run "$fashion" "${least[@]}" --out four "$@"
  check "$what: refused" [ "$status" -eq 1 ]
  check "$what: said in one line" one_line stderr
  check "$what: as it should be" says "$text"
}
refused "no data" "train-images-idx3-ubyte.gz" --data nowhere
refused "more classes than are told" "has a label 9; 0 to 8 are required" --data data --classes 9
refused "more components than pixels" "--components 31 of images of 6 x 5 pixels given; at most 30" \
  --data data --components 31
printf '\0\0\10\1\0\0\1\54\0' > data/train-labels-idx1-ubyte
refused "labels cut short" "it has 1 numbers, its sizes (300) require 300: cut short?" --data data

finish
