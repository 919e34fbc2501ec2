#!/usr/bin/env bash
# What the laboratory in the browser has saved is opened by the native programs: described, scored and
# sampled by `gradflow`, drawn by the experiments. The files are those that the page saves:
# tests/browser/test_engine.mjs compares them with it, to the byte.
#
#   tests/experiments/test_browser_files.sh DIR     DIR holds the programs, e.g. build/release/experiments
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:?usage: test_browser_files.sh DIRECTORY_OF_THE_PROGRAMS}" && pwd) || exit 2
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
weights=$(cd "$here/../browser/weights" && pwd)
scratch_directory

describes() { grep -qE -- "$1" stdout; }
run "$programs/gradflow" info "$weights/page_flow.safetensors"
check "info: the flow" describes '^model +affine: 15 layers, .* 7230 parameters$'
run "$programs/gradflow" info "$weights/page_matching.safetensors"
check "info: matching" describes '^model +flow-matching: .* 12866 parameters$'

# A place among the rings is likelier than one far out, and the samples lie about the rings.
printf 'x,y\n1,0\n0.5,0.25\n90,90\n' > points.csv
near_is_likelier() { awk -F, 'NR == 2 { near = $3 } NR == 4 { far = $3 } END { exit !(NR == 4 && near > -6 && far < near) }' scored.csv; }
lie_about_the_rings() { awk -F, 'NR > 1 && $1 * $1 + $2 * $2 < 25 { n++ } END { exit !(NR == 501 && n > 450) }' samples.csv; }
for which in flow matching; do
  run "$programs/gradflow" score "$weights/page_$which.safetensors" points.csv --out scored.csv
  check "score, $which: the code is 0, not $status" [ "$status" -eq 0 ]
  errors=scored.csv check "score, $which" near_is_likelier
  run "$programs/gradflow" sample "$weights/page_$which.safetensors" -n 500 --out samples.csv
  check "sample, $which: the code is 0, not $status" [ "$status" -eq 0 ]
  errors=samples.csv check "sample, $which" lie_about_the_rings
done

# The experiments draw from it as from weights of their own.
mkdir out
cp "$weights/page_flow.safetensors" out/normalizing_flow.safetensors
cp "$weights/page_matching.safetensors" out/flow_matching.safetensors
for program in normalizing_flow flow_matching; do
  run "$programs/$program" --figures-only --quick --out out
  check "$program --figures-only: the code is 0, not $status" [ "$status" -eq 0 ]
done
check "the samples of the flow are drawn" is_png out/fig02_nf_samples.png
check "the samples of matching are drawn" is_png out/fig07_fm_samples_over_time.png
# And say why not, where it is another model's.
cp "$weights/page_matching.safetensors" out/normalizing_flow.safetensors
run "$programs/normalizing_flow" --figures-only --quick --out out
check "another model's weights: the code is 1, not $status" [ "$status" -eq 1 ]
check "another model's weights: it is said" says "not the weights of normalizing_flow"
finish
