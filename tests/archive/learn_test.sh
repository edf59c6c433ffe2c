#!/usr/bin/env bash
# A head learned from C99 is that of `levit finetune`: learn_test.sh SOURCE_DIR ARCHIVE LEVIT
set -euo pipefail

source=$1
archive=$2
levit=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

"${CC:-cc}" -std=c99 -Wall -Wextra -pedantic -Werror -O2 -I "$source/runtime" "$source/tools/examples/learn.c" \
  "$archive" -o "$work/learn"
needed=$(nm -u "$work/learn" | grep -E ' (malloc|calloc|realloc|free|aligned_alloc|posix_memalign)(@|$)' || true)
[[ -z $needed ]] || fail "the example asks for a heap: $needed"

# Two classes of 24 x 16 pixels: bytes of a weight file, one class with the high bit set.
model=$source/tests/data/fuzz/weights/smallest_f16.levit
mkdir -p "$work/data/dark" "$work/data/light"
for i in 0 1 2 3 4 5 6 7 8 9; do
  for class in dark light; do
    [[ $class == dark ]] && map='\0-\377' || map='\200-\377\200-\377'
    {
      printf 'P6 24 16 255\n'
      head -c $((5151 + 1000 * i)) "$model" | tail -c 1152 | LC_ALL=C tr '\0-\377' "$map"
    } >"$work/data/$class/$i.ppm"
  done
done
cd "$work"
./learn "$model" learned.levit dark light 10 data/dark/*.ppm data/light/*.ppm
"$levit" finetune data -o tuned.levit --model "$model" --val 0 --epochs 20 --no-cache --threads 1 --batch 1 >/dev/null
for file in learned tuned; do
  "$levit" classify --json --model $file.levit data >$file.json
done
paste -d '\n' learned.json tuned.json | grep -o '"logits":\[[^]]*\]' | tr -d '"logits:[]' | tr '\n,' '  ' >numbers
awk '{for (i = 1; i + 3 <= NF; i += 4) for (k = 0; k < 2; ++k) {
        d = $(i + k) - $(i + 2 + k); if (d < 0) d = -d; if (d > most) most = d; ++n}
      print n, "logits, at most", most + 0, "apart"; exit !(n == 40 && most < 1e-6)}' numbers
cmp <(tail -c 1024 learned.levit) <(tail -c 1024 tuned.levit) && echo "the heads are the same bytes"
