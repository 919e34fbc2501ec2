#!/usr/bin/env bash
# Pictures of clothes by class: installs the images (Debian's dataset-fashion-mnist), trains, measures, and
# leaves a picture of ten samples of each class.
#
#   experiments/fashion.sh [OPTION]...   those of the program fashion but --out; results in results/fashion
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,5s/^# \?//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${build_packages[@]}" "${figure_packages[@]}" dataset-fashion-mnist
cmake --preset experiments
cmake --build --preset experiments --target fashion
build/experiments/experiments/fashion --out results/fashion "$@"
convert results/fashion/fashion.pgm -filter box -resize 200% -colors 32 results/fashion/fashion.png
