#!/usr/bin/env bash
# Makes the small pictures in experiments/images, which the READMEs show, from those of a run.
#
#   experiments/images.sh [DIR]     DIR holds the figures of experiments/reproduce.sh; default: results
#
# Needs ImageMagick's convert. Each picture is under 100 kB, the animation under 1 MB.
set -euo pipefail

case "${1:-}" in -h | --help) sed -n '2,6s/^# \?//p' "$0"; exit 0 ;; esac
from=${1:-results}
to=$(dirname "$0")/images

for name in fig04_nf_trajectories fig08_fm_trajectories fig13_cfm_samples_over_time extra_nf_grid \
    extra_fm_velocity extra_density extra_fm_lines_and_paths extra_animation; do
  [ -s "$from/$name.png" ] || [ -s "$from/$name.gif" ] || {
    echo "images.sh: no picture $name in $from; hint: run experiments/reproduce.sh first" >&2
    exit 1
  }
done
mkdir -p "$to"

# small NAME WIDTH COLOURS WORDS...: what convert makes of WORDS, at that width, as NAME.png
small() {
  local name=$1 width=$2 colours=$3
  shift 3
  convert "$@" -resize "$width" +dither -colors "$colours" -define png:compression-level=9 -strip \
    "png8:$to/$name.png"
}
small samples_over_time 840 48 "$from/fig13_cfm_samples_over_time.png"
small trajectories 900 64 "$from/fig04_nf_trajectories.png" "$from/fig08_fm_trajectories.png" +append
small grid 840 64 "$from/extra_nf_grid.png"
small velocity 840 40 "$from/extra_fm_velocity.png"
small density 900 64 "$from/extra_density.png"
small lines_and_paths 900 64 "$from/extra_fm_lines_and_paths.png"
# Of the table of densities, if it was made with these sets.
rows=("$from"/densities/{four_circles,sine,checkerboard,diamond}.png)
[ ! -s "${rows[0]}" ] || small densities 840 48 "${rows[@]}" -append
convert "$from/extra_animation.gif" -coalesce -resize 600 +dither -colors 32 +map -layers optimize \
  "$to/animation.gif"

large=$(find "$to" -name '*.png' -size +100k -o -name '*.gif' -size +1000k)
[ -z "$large" ] || { echo "images.sh: too large: $large" >&2; exit 1; }
