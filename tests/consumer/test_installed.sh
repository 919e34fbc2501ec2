#!/usr/bin/env bash
# Installs a build, moves what was installed to another place, and links programs to it there.
#
#   test_installed.sh BUILD [-DGRADFLOW_...=...]...
. "$(dirname "$0")/common.sh"
build=$1
shift

quietly cmake --install "$build" --prefix "$work/first"
mv first moved
export CMAKE_PREFIX_PATH=$work/moved

# What README.md shows.
readme_project readme
quietly cmake -S readme -B readme/build -DCMAKE_BUILD_TYPE=Release
quietly cmake --build readme/build
runs readme/build/mine

# A stricter project, and what else is installed.
parts="double;run_double"
[ -d moved/include/gradflow/experiments/draw ] && parts+=";draw;table"
project=(-S "$source_dir/tests/consumer/project" -DCMAKE_BUILD_TYPE=Release "-DPARTS=$parts")
quietly cmake "${project[@]}" -B strict
quietly cmake --build strict --target program program_double same bare layout layout_native
runs strict/program
runs strict/program_double
[ "$(strict/layout)" = "$(strict/layout_native)" ] || die "the size of a type depends on flags"
strict/bare || die "without flags a call gives another result"
strict/same || die "a call within float gives another result"
fails "undefined reference.*length\(gradflow::Tensor const&\)" cmake --build strict --target mixed
if [ -d moved/include/gradflow/experiments/draw ]; then
  quietly cmake --build strict --target figure
  quietly strict/figure
  [ -s figures/line.png ] || die "no figure was drawn"
  # A table of their own: points on a bow.
  awk 'BEGIN { srand(1); print "x,y"; for (i = 0; i < 2000; ++i) { x = 4 * rand() - 2
    printf "%g,%g\n", x, x * x + 0.4 * rand() - 0.2 } }' >bow.csv
  quietly cmake --build strict --target table
  quietly strict/table
  awk '/^log p/ { found = $3 > $5 + 2 } END { exit !found }' log || die "strict/table scores wrongly"
fi
fails "GRADFLOW_REAL.*does not agree" cmake "${project[@]}" -B both -DBOTH=ON
fails "gradflow was installed without gradflow::wings" cmake "${project[@]}" -B wings -DPARTS=wings

# BUILD has tests, and so all targets; the preset that README.md installs has none. What it would install
# is known once it is configured.
quietly cmake -S "$source_dir" --preset library -B library "$@"
for name in gradflow run double run_double; do
  grep -rq --include=gradflow-targets.cmake "^add_library(gradflow::$name " library ||
    die "the preset library does not install gradflow::$name"
done

# The README names whatever can be linked, and nothing in what that passes on is a matter of ours.
targets=$(find moved -name gradflow-targets.cmake)
names=$(sed -n 's/^add_library(\(gradflow::[a-z_]*\) .*/\1/p' "$targets")
[ -n "$names" ] || die "no targets are installed"
for name in $names; do
  grep -q "\`$name\`" "$source_dir/README.md" || die "README.md does not name $name"
done
if grep -E -- '-march|-fno-|-W[a-z]|"-fopenmp[";]' "$targets"; then die "flags of ours reach who links it"; fi
