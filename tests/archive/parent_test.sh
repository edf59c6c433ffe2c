#!/usr/bin/env bash
# The project as a folder of another one's: parent_test.sh SOURCE_DIR
set -euo pipefail

source=$1
model=$source/tests/data/fuzz/weights/smallest_f16.levit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake -S "$source/tests/archive/parent" -B "$work/build" -G Ninja -DLEVIT_SOURCE="$source" -DCMAKE_BUILD_TYPE=Release
cmake --build "$work/build"
"$work/build/parent" "$model"

# Only what is the parent's gets installed.
cmake --install "$work/build" --prefix "$work/prefix"
[[ $(cd "$work/prefix" && find . -type f) == ./bin/parent ]]
