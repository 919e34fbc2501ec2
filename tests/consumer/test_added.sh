#!/usr/bin/env bash
# Links programs to the library by add_subdirectory(): from a folder within their project and from one
# outside it.
#
#   test_added.sh [-DGRADFLOW_...=...]...
. "$(dirname "$0")/common.sh"

# commands_of FILE BUILD: how files of this name are compiled.
commands_of() { grep -E "\"command\":.*/$1\"" "$2/compile_commands.json" || die "$1 is not compiled"; }

# Within, as README.md shows it, with no build type: it says so, once, and its own files are optimised.
readme_project readme
sed -i 's/^find_package.*/add_subdirectory(gradflow)/' readme/CMakeLists.txt
mkdir readme/gradflow
for entry in CMakeLists.txt tensor autograd nn flows experiments; do  # and nothing else of it
  ln -s "$source_dir/$entry" readme/gradflow/
done
quietly cmake -S readme -B unset -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@"
[ "$(grep -c 'CMake Warning' log)" = 1 ] && grep -q 'cmake -DCMAKE_BUILD_TYPE=Release' log ||
  { cat log; die "an unset build type is not told, once, with the remedy"; }
ours=$(commands_of tape.cpp unset)
users=$(commands_of mine.cpp unset)
grep -v -- ' -O3 ' <<<"$ours" && die "a file of ours is compiled without optimisation"
users=${users/"${CXXFLAGS:-}"/}  # its own
grep -E -- ' -(O|march|fno-math|fopenmp |W)' <<<"$users" && die "flags of ours reach the program"
grep -q -- ' -fopenmp-simd ' <<<"$users" || die "the program lacks what tensor/map.h needs"

# From outside, with a build type, and with its own idea of it: -O0, which builds sooner.
project=(-S "$source_dir/tests/consumer/project" "-DGRADFLOW_SOURCE=$source_dir" -DCMAKE_BUILD_TYPE=Release
  "-DCMAKE_CXX_FLAGS_RELEASE=-O0 -DNDEBUG" "$@")
quietly cmake "${project[@]}" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -B strict
grep -q 'CMake Warning' log && { cat log; die "a warning for no reason"; }
grep -E '/(tests|programs|draw|ladder)/[a-z_0-9]*\.cpp"' strict/compile_commands.json | grep -v consumer &&
  die "tests or experiments would be built"
# Whoever builds several files as one finds no two of ours that give one name to different things; and it takes
# a third of the time.
quietly cmake -DCMAKE_UNITY_BUILD=ON strict
quietly cmake --build strict --target program
runs strict/program
[ -e strict/gradflow/libgradflow_double.a ] && die "the double library is built, which nobody asked for"
fails "GRADFLOW_REAL.*does not agree" cmake "${project[@]}" -B both -DBOTH=ON

# With the experiments its own table and figure are linked, too. To build them would take minutes; that
# everything is found shows when they are configured.
quietly cmake "${project[@]}" -DGRADFLOW_BUILD_EXPERIMENTS=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -B experiments
commands_of consumer/table.cpp experiments >log
commands_of project/figure.cpp experiments >log
exit 0
