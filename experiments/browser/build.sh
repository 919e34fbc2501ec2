#!/usr/bin/env bash
# Builds the laboratory in the browser: installs what is missing, compiles the library for WebAssembly and
# puts the page together.
#
#   experiments/browser/build.sh      leaves build/browser/gradflow.html, one file that opens by a double
#                                     click, and build/browser/site/, the same for a web server
set -euo pipefail
cd "$(dirname "$0")/../.."
case "${1:-}" in -h | --help) sed -n '2,6s/^# \?//p' "$0"; exit 0 ;; esac

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
install_packages "${browser_packages[@]}"
cmake --preset browser
cmake --build --preset browser --target engine
node experiments/browser/bundle.mjs --engine build/browser/experiments/browser \
  --out build/browser/gradflow.html --site build/browser/site
echo "build/browser/gradflow.html"
