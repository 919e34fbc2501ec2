# Sourced by experiments/reproduce.sh and the scripts in tests/: installs the Debian packages that are missing.
#
#   install_packages PACKAGE...

build_packages=(g++ cmake ninja-build libopenblas-openmp-dev libfmt-dev
                libgnuplot-iostream-dev libcli11-dev nlohmann-json3-dev zlib1g-dev)
figure_packages=(fonts-open-sans imagemagick)  # the last joins the frames of the animation
command -v gnuplot >/dev/null || figure_packages+=(gnuplot-nox)
# The last two are optional: liblemon pairs large batches (flows), libpng reads pictures (experiments/data).
test_packages=(catch2 liblemon-dev libpng-dev)
browser_packages=(cmake ninja-build emscripten libfmt-dev nlohmann-json3-dev)  # emscripten brings node
mpi_packages=(libopenmpi-dev openmpi-bin)
clang_packages=(clang-14 libclang-rt-14-dev libomp-14-dev)
docs_packages=(doxygen libjs-mathjax)
hash_packages=(g++-aarch64-linux-gnu qemu-user "${clang_packages[@]}")  # other processors and compilers

install_packages() {
  if ! command -v apt-get >/dev/null; then
    cat >&2 <<END
This is not a Debian system, so nothing is installed here. Please see to it that you have (by their
Debian names): $*
  Fedora: dnf install gcc-c++ cmake ninja-build openblas-devel fmt-devel gnuplot boost-devel \\
          cli11-devel json-devel catch-devel open-sans-fonts
  Arch:   pacman -S gcc cmake ninja openblas fmt gnuplot boost cli11 nlohmann-json catch2
and gnuplot-iostream's single header, gnuplot-iostream.h, where the compiler finds it. OpenBLAS
should be its OpenMP build. Going on to the build.
END
    return 0
  fi
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Missing packages; as root, run: apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "Installing: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
