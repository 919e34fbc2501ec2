#!/usr/bin/env bash
# Hands the programs what a hostile or unlucky world can hand them: options, files and disks. They
# must answer in one clear line and with a code that is not 0, never hang or crash, and lose nothing
# that was computed before.
#
#   tests/experiments/test_hostile.sh DIR     DIR holds the programs, e.g. build/release/experiments
#
# Disks that are full or read-only are small tmpfs mounts: that part needs root, and is left out,
# with a message, where mounting is not allowed.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:?usage: test_hostile.sh DIRECTORY_OF_THE_PROGRAMS}" && pwd) || exit 2
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
scratch_directory

nf=$programs/normalizing_flow fm=$programs/flow_matching
mkdir no_gnuplot
without_figures() { run env "PATH=$scratch/no_gnuplot" "$@"; }
refused() {  # refused WHAT NAME: it must have failed with 1, in one line that names NAME
  check "$1: the code is 1, not $status" [ "$status" -eq 1 ]
  check "$1: one line" one_line stderr
  check "$1: it names $2" says "$2"
}

# --- options ---------------------------------------------------------------------------------------

while IFS='|' read -r option value; do
  for program in "$nf" "$fm"; do
    run "$program" "$option" "$value" --out wrong
    check "$option '$value': the code is 2, not $status" [ "$status" -eq 2 ]
    check "$option '$value': says which program" says "$(basename "$program"): "
    check "$option '$value': says it short" [ "$(wc -l < stderr)" -le 2 ]
  done
done << 'END'
--points|-1
--points|
--points|0
--points|99
--points|100000001
--points|99999999999999999999999999
--points|1e3
--points|12abc
--points|0x
--points|١٢٣
--epochs|0
--epochs|-9223372036854775809
--epochs|nan
--batch|-128
--batch|1000001
--shards|1025
--shards|2.5
--lr|
--lr|1e7
--lr|-0.001
--lr|NaN
--clip|-1
--clip|inf
--clip|nothing
--threads|1025
--threads|-2147483649
--threads|two
--seed|18446744073709551616
--seed|9223372036854775808
--seed|1.5
--seed|-1
--unknown|1
-x|1
|
END
check "wrong options write nothing" [ ! -e wrong ]
run "$nf" --points
check "an option without its value: 2" [ "$status" -eq 2 ]
run "$nf" --out ''
check "an empty directory name: not 0" [ "$status" -ne 0 ]
check "an empty directory name: short" [ "$(wc -l < stderr)" -le 2 ]
run "$programs/report" --unknown
check "report: an unknown option: 2" [ "$status" -eq 2 ]

# --- weights ---------------------------------------------------------------------------------------

small=(--points 300 --epochs 1 --permutations random)
without_figures "$nf" "${small[@]}" --out good
check "a run without figures fails for the lack of gnuplot alone" says "gnuplot: not found"
hash=$(weights_hash stdout)
weights=good/normalizing_flow.safetensors checkpoint=good/normalizing_flow.checkpoint.safetensors

# Writes broken forms of file $1 one after another to $2, and calls "$3 WHAT" for each.
broken_forms() {
  local size header at
  size=$(stat -c %s "$1")
  header=$(od -An -tu8 -N8 "$1" | tr -d ' ')
  for at in 0 1 7 8 9 $((header / 2)) $((8 + header - 1)) $((8 + header)) $((8 + header + 1)) \
      $(((size + header) / 2)) $((size - 1)); do
    head -c "$at" "$1" > "$2"
    "$3" "cut after $at bytes"
  done
  { cat "$1"; printf x; } > "$2"
  "$3" "one byte too many"
  for length in '\377\377\377\377\377\377\377\377' '\0\0\0\0\0\0\0\200' '\1\0\0\0\0\0\0\0' \
      '\377\340\365\5\0\0\0\0'; do
    # shellcheck disable=SC2059  # the length is a format
    { printf "$length"; tail -c +9 "$1"; } > "$2"
    "$3" "a header of length $length"
  done
  sed 's/"F32"/"I32"/' "$1" > "$2"
  "$3" "dtype I32"
  sed 's/"F32"/"F64"/' "$1" > "$2"
  "$3" "dtype F64 that is none"
  sed 's/"data_offsets":\[\([0-9]*\),\([0-9]\)\([0-9]*\)\]/"data_offsets":[\1,9\3]/2' "$1" > "$2"
  "$3" "an offset that is not so"
  sed 's/"shape":\[8,/"shape":[9,/' "$1" > "$2"
  "$3" "a shape that does not fit"
  sed 's/{/[/' "$1" > "$2"
  "$3" "a header that is no object"
  head -c 100000 /dev/zero > "$2"
  "$3" "zeros"
  head -c 100000 /dev/urandom > "$2"
  "$3" "noise"
  echo "hello" > "$2"
  "$3" "a text"
  rm "$2"
  mkdir "$2"
  "$3" "a directory"
  rmdir "$2"
  mkfifo "$2"
  "$3" "a fifo"
  rm "$2"
  ln -s /dev/zero "$2"
  "$3" "a device"
  rm "$2"
  if [ "$(id -u)" -ne 0 ]; then  # root reads everything
    cp "$1" "$2"
    chmod 000 "$2"
    "$3" "a file that may not be read"
    rm -f "$2"
  fi
}

mkdir broken
refused_weights() {
  run "$nf" --figures-only --out broken
  refused "weights: $1" "broken/normalizing_flow.safetensors"
}
broken_forms "$weights" broken/normalizing_flow.safetensors refused_weights

# change FILE SED TO: a copy that differs, without a hash, as older versions wrote it: each check must see for
# itself. The length of the header stays.
change() {
  sed "s/\"gradflow_hash\":/\"gradflow hush\":/;$2" "$1" > "$3"
  check "$2 changes something" [ "$(cmp "$1" "$3" > same; echo $?)" -eq 1 ]
}
changed_weights() {  # changed_weights SED SAYS
  change "$weights" "$1" broken/normalizing_flow.safetensors
  run "$nf" --figures-only --out broken
  refused "weights: $1" "$2"
}
sed 's/"seed":"0"/"seed":"1"/' "$weights" > broken/normalizing_flow.safetensors
run "$nf" --figures-only --out broken
refused "weights with another text" "not those that were saved"
changed_weights 's/"model":"normalizing_flow"/"model":"normalising_flow"/' "not the weights of"
changed_weights 's/"points":"300"/"points":"abc"/' "settings"
changed_weights 's/"points":"300"/"points":"-30"/' "from 100 to"
changed_weights 's/"points":"300"/"points":"099"/' "from 100 to"
# A number that is 16 digits longer: the length of the header, its first 8 bytes, grows too.
number=3000000000000000000
change "$weights" "s/\"points\":\"300\"/\"points\":\"$number\"/" broken/normalizing_flow.safetensors
length=$(($(od -An -tu8 -N8 "$weights") + 16))
for shift in 0 8 16 24; do printf '%b' "\\x$(printf %02x $((length >> shift & 255)))"; done |
  dd of=broken/normalizing_flow.safetensors conv=notrunc status=none
run "$nf" --figures-only --out broken
refused "weights of $number points" "from 100 to"
changed_weights 's/"seed":"/"sead":"/' "settings"
changed_weights 's/\\"epochs\\"/\\"epocks\\"/' "history"
changed_weights 's/validation_nll/validation_nil/' "validation_nll"
changed_weights 's/"order"/"odder"/;s/normalization.mean/normalization.main/' "normalization.mean"
# One byte of a number.
size=$(stat -c %s "$weights")
for at in $((size - 4 * 3000)) $((size - 4 * 6000 - 1)); do
  cp "$weights" broken/normalizing_flow.safetensors
  printf '\x7f' | dd of=broken/normalizing_flow.safetensors bs=1 seek=$at conv=notrunc status=none
  run "$nf" --figures-only --out broken
  refused "weights with another byte at $at" "not those that were saved"
done
cp "$weights" broken/flow_matching.safetensors
run "$fm" --figures-only --out broken
refused "weights of another model" "not the weights of flow_matching"
rm -rf broken

# --- checkpoints -----------------------------------------------------------------------------------

mkdir broken
saved=broken/normalizing_flow.checkpoint.safetensors
refused_checkpoint() {
  [ -f "$saved" ] && cp "$saved" before
  without_figures "$nf" "${small[@]}" --out broken --resume
  refused "checkpoint: $1" "$saved"
  if [ -f "$saved" ]; then check "checkpoint: $1: it stays as it is" cmp -s "$saved" before; fi
}
broken_forms "$checkpoint" "$saved" refused_checkpoint

while read -r name options; do
  cp "$checkpoint" "$saved"
  # shellcheck disable=SC2086  # several words
  without_figures "$nf" $options --out broken --resume
  refused "checkpoint: $options" "it was made with $name "
done << 'END'
seed --points 300 --epochs 1 --permutations random --seed 1
batch --points 300 --epochs 1 --permutations random --batch 64
shards --points 300 --epochs 1 --permutations random --shards 1
lr --points 300 --epochs 1 --permutations random --lr 0.002
clip --points 300 --epochs 1 --permutations random --clip none
scale_bound --points 300 --epochs 1 --permutations random --scale-bound 1
zero_start --points 300 --epochs 1 --permutations random --random-start
points --points 301 --epochs 1 --permutations random
permutations --points 300 --epochs 1
END

changed_checkpoint() {  # changed_checkpoint SED SAYS
  change "$checkpoint" "$1" "$saved"
  without_figures "$nf" "${small[@]}" --out broken --resume
  refused "checkpoint: $1" "$2"
}
changed_checkpoint 's/gradflow checkpoint 3/gradflow checkpoint 2/' '"gradflow checkpoint 2"'
changed_checkpoint 's/"setting.model":"normalizing_flow"/"setting.model":"flow_matching___"/' \
  "it was made with model flow_matching___"
changed_checkpoint 's/"shape":\[8,1\]/"shape":[1,8]/' "(1, 8) given for \"0.scale.0.weight\""
changed_checkpoint 's/"epoch":"1"/"epoch":"9"/' "contradict"
changed_checkpoint 's/"optimizer_steps":"3"/"optimizer_steps":"4"/' "contradict"
changed_checkpoint 's/"step":"0"/"step":"x"/' "cannot be read"
changed_checkpoint 's/"optimizer.m"/"optimizer.n"/' '"m"'
changed_checkpoint 's/"constant.normalization.mean"/"constant.normalization.main"/' \
  "normalization.mean"

# flip_byte_of NAME: changes the first number of a tensor.
flip_byte_of() {
  local header begin at byte
  header=$(od -An -tu8 -N8 "$checkpoint" | tr -d ' ')
  begin=$(head -c $((8 + header)) "$checkpoint" | tail -c +9 | tr '{' '\n' | grep -aA1 -F "\"$1\":" |
    tail -n 1 |
    sed -n 's/.*"data_offsets":\[\([0-9]*\),.*/\1/p')
  at=$((8 + header + begin))
  byte=$(od -An -tu1 -j "$at" -N1 "$checkpoint" | tr -d ' ')
  change "$checkpoint" "" "$saved"
  # shellcheck disable=SC2059  # the byte is a format
  printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$saved" bs=1 seek="$at" conv=notrunc status=none
}
constants=$(head -c 20000 "$checkpoint" | grep -aoE '"constant\.[^"]*"' | tr -d '"')
check "a checkpoint holds the normalisation" grep -q "normalization.deviation" <<< "$constants"
check "a checkpoint holds each of 15 permutations" [ "$(grep -c "order" <<< "$constants")" -eq 15 ]
for constant in $(grep normalization <<< "$constants") $(grep order <<< "$constants" | head -n 2); do
  flip_byte_of "$constant"
  without_figures "$nf" "${small[@]}" --out broken --resume
  refused "checkpoint: another $constant" "another ${constant#constant.}"
done
cp "$checkpoint" "$saved"
without_figures "$nf" "${small[@]}" --out broken --resume
check "the checkpoint itself is taken" [ "$(weights_hash stdout)" = "$hash" ]
rm -rf broken

# --- report.json -----------------------------------------------------------------------------------

deep() { head -c "$1" /dev/zero | tr '\0' '['; }
for form in "" "[1]" "{" '{"normalizing_flow": {"points": [' "nothing" "$(printf '\377\376')"; do
  printf '%s' "$form" > good/report.json
  run "$programs/report" --out good
  refused "report.json '$form': report" "report.json"
done
{ printf '{"normalizing_flow":'; deep 1000000; } > good/report.json
run "$programs/report" --out good
refused "report.json, a million deep: report" "report.json"
rm good/report.json
mkdir good/report.json
run "$programs/report" --out good
refused "report.json is a directory: report" "report.json"
without_figures "$nf" --figures-only --out good
refused "report.json is a directory" "report.json"
check "and the weights stay" [ -s "$weights" ]
rmdir good/report.json
mkfifo good/report.json
run "$programs/report" --out good
refused "report.json is a fifo: report" "report.json"
rm good/report.json
for form in "{" "deep"; do
  printf '%s' "$form" > good/report.json
  [ "$form" = deep ] && { printf '{"a":'; deep 500000; deep 500000 | tr '[' ']'; echo '}'; } > good/report.json
  without_figures "$nf" --figures-only --out good
  check "report.json, $form: said to be broken" says "kept as report.json.broken"
  check "report.json, $form: kept" [ -s good/report.json.broken ]
  check "report.json, $form: written anew" grep -q "$hash" good/report.json
done
sed 's/: *[0-9][0-9.e+-]*/: null/g' good/report.json > nulls && mv nulls good/report.json
run "$programs/report" --out good
check "report.json, all numbers null: a page all the same" [ "$status" -eq 0 ]

# --- Ctrl-C while a figure is drawn ----------------------------------------------------------------

fake_gnuplot hanging "echo \$\$ >> '$scratch/drawing'; exec sleep 300"
PATH="$scratch/hanging:$PATH" "$nf" --figures-only --out good > stdout 2> stderr &
pid=$!
for _ in {1..300}; do [ -s drawing ] && break; sleep 0.1; done
sleep 0.5
kill -INT $pid
wait $pid
status=$?
check "Ctrl-C while drawing: the code is 130, not $status" [ "$status" -eq 130 ]
check "Ctrl-C while drawing: says how to go on" says "--figures-only"
running() {  # those of the fake gnuplots that are not dead; a zombie has no command line
  while read -r child; do tr '\0' ' ' 2> /dev/null < "/proc/$child/cmdline"; done < drawing
}
check "Ctrl-C while drawing: gnuplot has ended, too" [ -s drawing ]
check "Ctrl-C while drawing: none goes on" [ -z "$(running 2> /dev/null)" ]

# --- directories and disks -------------------------------------------------------------------------

touch file
for out in file file/results /proc/nothing /dev/null/results; do
  run "$nf" "${small[@]}" --out "$out"
  refused "--out $out" "$out"
done
for name in normalizing_flow.safetensors normalizing_flow_log.csv \
    normalizing_flow.checkpoint.safetensors; do
  mkdir -p "taken/$name/inside"
  without_figures "$nf" "${small[@]}" --out taken
  refused "a directory stands where $name goes" "$name"
  rm -rf taken
done

leftovers() { find "$disk" -name '*.tmp' -o -name '*.part'; }
disk=$scratch/disk
mkdir "$disk"
if mount -t tmpfs -o size=4m none "$disk" 2> /dev/null; then
  trap 'cd / && umount "$disk" 2> /dev/null; rm -rf "$scratch"' EXIT
  # Too small for the checkpoint; for the log or the weights; for report.json; for some of the figures.
  stages=
  for size in 48 132 136 140 144 148 160 172 184 220 300; do
    mount -o "remount,size=${size}k" "$disk"
    run "$nf" "${small[@]}" --out "$disk/run"
    check "a disk of $size KB: the code is 1, not $status" [ "$status" -eq 1 ]
    check "a disk of $size KB: one line" one_line stderr
    check "a disk of $size KB: nothing half-written is left: $(leftovers)" [ -z "$(leftovers)" ]
    stages+=$(sed 's/.*figures could not.*/figures/;s/.*disk\/run\/\([^:]*\): cannot.*/\1/' stderr)$'\n'
    mount -o remount,size=8m "$disk"
    if [ -s "$disk/run/normalizing_flow.safetensors" ]; then
      without_figures "$nf" --out "$disk/run" --figures-only
    else
      without_figures "$nf" "${small[@]}" --out "$disk/run" --resume
    fi
    check "a disk of $size KB, made larger: the weights of an undisturbed run" \
      grep -q "\"weights_hash\": \"$hash\"" "$disk/run/report.json"
    rm -rf "$disk/run"
  done
  for stage in normalizing_flow.checkpoint.safetensors normalizing_flow.safetensors report.json figures; do
    check "a disk that is full: met when writing $stage" grep -q "$stage" <<< "$stages"
  done
  mount -o remount,ro "$disk"
  run "$nf" "${small[@]}" --out "$disk"
  refused "a read-only disk" "Read-only file system"
  umount "$disk"

  # Nowhere to put temporary files: figures need none.
  if unshare -m true 2> /dev/null; then
    cp -r good read_only_tmp
    # shellcheck disable=SC2016  # what is quoted is the inner shell's
    for directory in unset /nowhere "$disk"; do
      rm -f read_only_tmp/*.png
      run env "directory=$directory" "scratch=$scratch" "nf=$nf" unshare -m bash -c '
        mkdir "$scratch/results_here" 2> /dev/null
        mount --bind "$scratch/read_only_tmp" "$scratch/results_here"
        mount -t tmpfs -o ro none /var/tmp
        mount --rbind /tmp /tmp && mount -o remount,ro,bind /tmp
        [ "$directory" = unset ] && unset TMPDIR || export TMPDIR=$directory
        cd / && exec "$nf" --figures-only --out "$scratch/results_here"'
      check "a read-only /tmp, TMPDIR $directory: the code is 0, not $status" [ "$status" -eq 0 ]
      check "a read-only /tmp, TMPDIR $directory: figures" \
        is_png read_only_tmp/fig01_nf_validation_loss.png
    done
  fi
else
  echo "left out, as mounting is not allowed here: disks that are full or read-only"
fi

# --- absurd sizes ----------------------------------------------------------------------------------

without_figures "$nf" "${small[@]}" --threads 1024 --out threads
check "1024 threads: the same weights" [ "$(weights_hash stdout)" = "$hash" ]
if (ulimit -v 700000 && "$nf" --help > /dev/null 2>&1); then
  (
    ulimit -v 700000
    run "$nf" --points 100000000 --batch 1000000 --out large
    refused "more points than memory" "out of memory"
    exit "$failures"
  )
  check "more points than memory" [ $? -eq "$failures" ]
  (
    ulimit -v 1500000
    run "$nf" --points 1000000 --batch 1000000 --out large
    refused "a larger batch than memory" "out of memory"
    exit "$failures"
  )
  check "a larger batch than memory" [ $? -eq "$failures" ]
else
  echo "left out, as the address sanitizer wants more memory than that: sizes beyond the memory"
fi

finish
