#!/usr/bin/env bash
# One model, one picture, every processor: boards_test.sh SOURCE_DIR BUILD_ROOT, where BUILD_ROOT has the archives
# release/liblevit.a, cross-<processor>/liblevit.a. The demonstration (tools/embedded) runs on this processor's instruction
# sets, on others under qemu-user, and without an operating system under qemu-system. Each run must give the numbers of the
# first: logits within 1e-5 of the larger logit, losses and probabilities within 1e-5, the map within one shade of ten.
set -euo pipefail
source=$1 build=$2
model=$source/weights/ai_vs_real.levit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

c++ -O1 -w "$source/tests/embedded/pixels.cc" -o "$work/pixels"
"$work/pixels" "$source/tests/data/ai_vs_real/ai_pagoda.png" >"$work/picture.ppm"

# image BOARD ARCHIVE OUT
image() { "$source/tools/embedded/make_image" "$1" "$build/$2/liblevit.a" "$model" "$work/picture.ppm" "$work/$3"; }

# compare NAME: its row of the table, and whether it gives the numbers of the reference.
compare() {
  awk -v name="$1" '
    function magnitude(x) {return x < 0 ? -x : x}
    function wrong(what) {print "FAIL  " name ": " what; bad = 1}
    {sub(/\r$/, "")}
    FNR == 1 {++file}
    /^(logit|probability|loss|learned) / {
      key = $1 " " $2
      if (file == 1) {value[key] = $NF; if ($1 == "logit" && magnitude($NF) > scale) scale = magnitude($NF); next}
      seen[key] = 1
      off = magnitude($NF - value[key])
      if ($1 == "logit") {logits = logits " " $NF; off /= scale; if (off > most) most = off}
      if (!(off < 1e-5)) wrong(key " is " $NF ", not " value[key])
    }
    /^map / {
      if (file == 1) {map[++rows] = $0; next}
      ++row
      for (i = 1; i <= length($0) || i <= length(map[row]); ++i) {
        step = index(shades, substr($0, i, 1)) - index(shades, substr(map[row], i, 1))
        if (step > 1 || step < -1) wrong("the map differs in row " row)
      }
    }
    /^target / {target = $2}
    /^(forward|gradcam)_ns / {time[$1] = $2}
    /^stack_/ {stack = $2}
    /^done$/ {done = file == 2}
    BEGIN {shades = " .:-=+*#%@"}
    END {
      if (!done || row != 28) wrong("it did not reach its end")
      for (key in value) if (!(key in seen)) wrong(key " is missing")
      printf "%-24s %-7s%s  %.1e", name, target, logits, most
      if (stack > 0) printf "  stack %d, instructions: forward %.0f, Grad-CAM %.0f", stack, time["forward_ns"], time["gradcam_ns"]
      print ""
      exit bad
    }' "$work/reference" "$work/out" || failed=1
}

# run NAME COMMAND...
run() {
  local name=$1
  shift
  "$@" </dev/null >"$work/out" || echo "FAIL  $name: exit code $?"
  [ -s "$work/reference" ] || cp "$work/out" "$work/reference"
  compare "$name"
}

image linux release demo
read -ra targets < <("$work/demo" list | sed -n 's/^targets //p')
((${#targets[@]} > 0)) || failed=1
for target in "${targets[@]}"; do run "$(uname -m)" "$work/demo" "$target"; done
for row in aarch64,aarch64,aarch64 armv7,arm,arm i686,i386,i686 riscv64,riscv64,riscv64; do
  IFS=, read -r processor emulator compiler <<<"$row"
  compiler=$(compgen -c "$compiler-linux-gnu" | grep -m 1 -E "^$compiler-linux-gnu(eabihf)?-gcc$")
  CC=$compiler image linux "cross-$processor" "demo-$processor"
  run "$processor, qemu-user" "qemu-$emulator" "$work/demo-$processor"
done
image virt cross-aarch64 virt.elf
run "aarch64, no system" timeout 600 qemu-system-aarch64 -M virt -cpu cortex-a53 -m 64 -nographic -net none -icount shift=0 \
  -kernel "$work/virt.elf"
image an500 cross-cortex-m7 an500.elf
run "cortex-m7, no system" timeout 600 qemu-system-arm -M mps2-an500 -nographic -no-reboot -icount shift=0 \
  -kernel "$work/an500.elf"
cat "$work/out"
exit "$failed"
