#!/usr/bin/env bash
# The public header and the archive as others use them: consumer_test.sh SOURCE_DIR ARCHIVE
set -euo pipefail

source=$1
archive=$2
include=(-I "$source/runtime")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

c_compiler=${CC:-cc}
cxx_compiler=${CXX:-c++}
strict=(-Wall -Wextra -Wshadow -Wconversion -pedantic -Werror -fsyntax-only)
for standard in c99 c11; do
  "$c_compiler" -x c -std=$standard "${strict[@]}" -Wc++-compat -Wstrict-prototypes "${include[@]}" "$source/runtime/levit.h"
done
for standard in c++17 c++20; do
  "$cxx_compiler" -x c++ -std=$standard "${strict[@]}" "${include[@]}" "$source/runtime/levit.h"
done
echo "levit.h is C99, C11, C++17 and C++20"

# Linked by the C compiler: neither the C++ library nor libm comes with it.
"$c_compiler" -std=c99 -Wall -Wextra -Wc++-compat -Wpedantic -Werror -O2 "${include[@]}" \
  "$source/tools/examples/classify.c" "$archive" -lm -o "$work/classify"
libraries=$(objdump -p "$work/classify" | awk '$1 == "NEEDED" {print $2}')
[[ $libraries == libc.so.* ]] || fail "the example needs $libraries"

# 48 x 32 pixels of changing bytes.
{
  printf 'P6 48 32 255\n'
  head -c 4608 "$source/tests/data/fuzz/weights/smallest_f16.levit"
} >"$work/picture.ppm"
"$work/classify" "$source/tests/data/fuzz/weights/smallest_f16.levit" "$work/picture.ppm" | tee "$work/result"
awk 'NF == 2 {sum += $2} END {exit !(NR == 2 && sum > 0.9999 && sum < 1.0001)}' "$work/result" ||
  fail "the probabilities of two classes do not add up to 1"
if "$work/classify" "$work/picture.ppm" "$work/picture.ppm" 2>"$work/error"; then fail "a picture was taken for a model"; fi
grep -q "not a .levit weight file" "$work/error" || fail "the wrong cause: $(cat "$work/error")"

# The same from C++ without exceptions.
"$cxx_compiler" -x c++ -std=c++17 -fno-exceptions -fno-rtti -Wall -Wextra -pedantic -Werror -O2 "${include[@]}" \
  "$source/tools/examples/classify.c" -x none "$archive" -o "$work/classify_cc"
"$work/classify_cc" "$source/tests/data/fuzz/weights/smallest_f16.levit" "$work/picture.ppm" | cmp - "$work/result"
echo "C99 and C++17 without exceptions agree"
