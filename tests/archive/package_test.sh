#!/usr/bin/env bash
# The installed tree: package_test.sh SOURCE_DIR BUILD_DIR
set -euo pipefail

source=$1
build=$2
model=$source/tests/data/fuzz/weights/smallest_f16.levit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

cmake --install "$build" --prefix "$prefix"
cmake -S "$source/tests/archive/package" -B "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release
cmake --build "$work/consumer"
[[ $("$work/consumer/consumer" "$model") == 1.0000 ]]

# The program finds the default model beside it, wherever the tree lies.
mv "$prefix" "$work/elsewhere"
mkdir -p "$work/elsewhere/share/levit"
cp "$model" "$work/elsewhere/share/levit/ai_vs_real.levit"
env -u LEVIT_MODEL "$work/elsewhere/bin/levit" info | grep -F "$work/elsewhere/share/levit/ai_vs_real.levit"
