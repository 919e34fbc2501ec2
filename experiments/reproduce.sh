#!/usr/bin/env bash
# Does everything: installs what is missing, builds, trains the three models and a flow with splines
# beside them, draws the figures, and pictures that explain them, and writes the report page.
#
#   experiments/reproduce.sh                  into results/
#   experiments/reproduce.sh --quick          a small run of every part
#   experiments/reproduce.sh --figures-only   draws again from the saved weights
#   experiments/reproduce.sh --resume         continues a run that was stopped
#   experiments/reproduce.sh --browser        builds the laboratory in the browser, first of all
#
# Options are handed to the four programs: --out, --seed, --epochs, --points, --batch, --lr,
# --threads, --svg, --pdf and others; build/experiments/experiments/flow_matching --help lists them.
set -euo pipefail

out=results
browser=no
options=()  # all but --out
drawing=()  # those that explain takes, too
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) sed -n '2,12s/^# \?//p' "$0"; exit 0 ;;
    --out=*) out=${1#--out=} ;;
    --out)
      [ $# -ge 2 ] || { echo "reproduce.sh: --out: a directory is required" >&2; exit 2; }
      out=$2
      shift ;;
    --quick | --svg | --pdf | --threads=*)
      options+=("$1")
      drawing+=("$1") ;;
    --threads)
      options+=("$1" "${@:2:1}")
      drawing+=("$1" "${@:2:1}")
      [ $# -lt 2 ] || shift ;;
    --browser) browser=yes ;;
    *) options+=("$1") ;;
  esac
  shift
done
case "$out" in /*) ;; *) out=$PWD/$out ;; esac
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

. .ci/packages.sh
install_packages "${build_packages[@]}" "${figure_packages[@]}"

if [ "$browser" = yes ]; then
  experiments/browser/build.sh
  mkdir -p "$out"
  cp build/browser/gradflow.html "$out/gradflow.html"  # the report links to it
fi
cmake --preset experiments
cmake --build --preset experiments
programs=build/experiments/experiments

# A program that fails (say, because a figure cannot be drawn) does not keep the others from running;
# but wrong options and Ctrl-C end everything.
status=0
for program in normalizing_flow flow_matching conditional_flow_matching spline_flow; do
  echo
  "$programs/$program" "${options[@]}" --out "$out" || {
    status=$?
    if [ "$status" -eq 2 ] || [ "$status" -ge 128 ]; then exit "$status"; fi
  }
done
echo
"$programs/explain" "${drawing[@]}" --out "$out" || {
  status=$?
  if [ "$status" -ge 128 ]; then exit "$status"; fi
}
echo
"$programs/report" --out "$out" || status=$?
exit "$status"
