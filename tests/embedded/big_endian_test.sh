#!/usr/bin/env bash
# A big-endian processor refuses a weight file by name: big_endian_test.sh SOURCE_DIR ARCHIVE, of s390x
set -euo pipefail
source=$1 archive=$2
model=$source/tests/data/fuzz/weights/smallest_f16.levit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
s390x-linux-gnu-gcc -std=c99 -O1 -static -I "$source/runtime" "$source/tools/examples/classify.c" "$archive" -o "$work/classify"
refuses() {
  local code=0
  qemu-s390x "$work/classify" "$1" "$1" 2>"$work/error" || code=$?
  cat "$work/error"
  [[ $code == 1 ]] && grep -qF "$2" "$work/error"
}
refuses "$model" "weight files are little-endian and this processor is big-endian"
refuses "$source/LICENSE" "not a .levit weight file"
