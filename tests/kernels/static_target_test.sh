#!/usr/bin/env bash
# What a build for one target gives a compiler's -march: static_target_test.sh SOURCE HIGHWAY_INCLUDE
set -euo pipefail
source=$1 highway=$2
march_x86=(x86-64 SCALAR x86-64-v2 SSE4 x86-64-v3 AVX2 x86-64-v4 AVX3)

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# The target of kernels compiled with these flags, as Highway's namespace calls it.
target_of() {
  printf '#include "kernels/targets.h"\n#include "hwy/highway.h"\nHWY_NAMESPACE\n' |
    "${CXX:-c++}" -std=c++17 -DHWY_COMPILE_ONLY_STATIC -I "$source" -idirafter "$highway" "$@" -E -x c++ - | tail -n 1
}

[[ $(uname -m) == x86_64 ]] || exit 0
for ((i = 0; i < ${#march_x86[@]}; i += 2)); do
  march=${march_x86[i]} expected=N_${march_x86[i + 1]}
  target=$(target_of -march="$march")
  [[ $target == "$expected" || ($march == x86-64 && $target == N_EMU128) ]] || fail "-march=$march gives $target"
  echo "-march=$march: $target"
done

# Vectors that no target of the list uses are an error, not scalar code.
if target_of -march=x86-64-v3 -DHWY_BROKEN_TARGETS='(HWY_AVX2 | HWY_SSE4)' >/dev/null 2>&1; then
  fail "an AVX2 build without a target for it compiles"
fi
