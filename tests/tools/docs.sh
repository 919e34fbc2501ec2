#!/usr/bin/env bash
# The API documentation, by Doxygen from the headers' own comments; a warning is an error, and so is
# a public name of tensor, autograd, nn or flows without a comment.
#
#   tests/tools/docs.sh [DIRECTORY]     into DIRECTORY/html/index.html (build/docs)
#
# The formulas of the chapters need MathJax (libjs-mathjax); without it they stay as they are written.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,7s/^# \?//p' "$0"; exit 0 ;; esac
out=$(realpath -m "${1:-$(dirname "$0")/../../build/docs}")
cd "$(dirname "$0")/../.."

# shellcheck source=.ci/packages.sh disable=SC2154
. .ci/packages.sh
command -v doxygen > /dev/null || install_packages "${docs_packages[@]}"

rm -rf "$out/html" "$out/check"
mkdir -p "$out"
export PWD DOCS_OUT=$out DOCS_MATHJAX=NO DOCS_MAIN=$PWD/README.md
if [ -f /usr/share/javascript/mathjax/MathJax.js ]; then DOCS_MATHJAX=YES; fi

awk -f .ci/doxygen.awk tensor/tensor.h > /dev/null  # Doxygen does not say when a filter fails

# run SETTING...: with these settings beside those of the file.
run() { (cat .ci/Doxyfile && printf '%s\n' "$@") | doxygen -; }

# First a check: the library alone, where all that has no comment is named (but what the functions of
# kernels/math are made of, many numbers). Then the pages, with the experiments' headers and the chapters.
run 'INPUT = tensor autograd nn flows' 'FILE_PATTERNS = *.h *.cpp' 'GENERATE_HTML = NO' \
  'EXCLUDE_PATTERNS += */kernels/math/*' 'GENERATE_XML = YES' 'XML_OUTPUT = check' 'XML_PROGRAMLISTING = NO'
rm -rf "$out/check"
mapfile -t pages < <(find README.md tests -name README.md 2> /dev/null)
run "INPUT = ${pages[*]} tensor autograd nn flows experiments" 'WARN_IF_UNDOCUMENTED = NO'
echo "$out/html/index.html"
