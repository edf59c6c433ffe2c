#!/usr/bin/env bash
# The installed tree: package_test.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
trap 'echo "FAIL: line $LINENO" >&2' ERR

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

# By pkg-config, for a C compiler; then again where the tree is moved to. With the default model the program of the same
# tree says the same.
{
  printf 'P6 48 32 255\n'
  head -c 4608 "$model"
} >"$work/picture.ppm"
with_pkg_config() {
  local flags
  flags=$(PKG_CONFIG_PATH=$1/lib/pkgconfig pkg-config --cflags --libs levit)
  [[ $flags == *"$1"* ]]
  # shellcheck disable=SC2086 # several flags
  "${CC:-cc}" -std=c99 "$source/tools/examples/classify.c" $flags -o "$work/classify"
  "$work/classify" "$source/weights/ai_vs_real.levit" "$work/picture.ppm" >"$work/result"
  "$1/bin/levit" classify --csv --model "$source/weights/ai_vs_real.levit" "$work/picture.ppm" |
    awk -F , 'NR == 2 {print $11; print $12}' >"$work/expected"
  paste "$work/result" "$work/expected" | awk '
    {d = $2 - $3; if (d < 0) d = -d; if (NF != 3 || d > 1e-6 || $3 <= 0.001 || $3 >= 0.999) bad = 1}
    END {exit bad || NR != 2}'
  echo "by pkg-config in C99: $(paste -s "$work/result"), as levit says"
}
with_pkg_config "$prefix"

# The program finds the default model beside it, wherever the tree lies.
mv "$prefix" "$work/elsewhere"
with_pkg_config "$work/elsewhere"
for file in man/man1/levit-classify.1 bash-completion/completions/levit fish/vendor_completions.d/levit.fish \
  zsh/site-functions/_levit; do
  [[ -s $work/elsewhere/share/$file ]]
done
mkdir -p "$work/elsewhere/share/levit"
cp "$model" "$work/elsewhere/share/levit/ai_vs_real.levit"
env -u LEVIT_MODEL "$work/elsewhere/bin/levit" info | grep -F "$work/elsewhere/share/levit/ai_vs_real.levit"
