#!/usr/bin/env bash
# The run time of a call does not depend on the data, to the instruction, but where levit.h says so, and there by 10 % at
# most: run_time_test.sh SOURCE_DIR BUILD_ROOT, which has cross-<processor>/liblevit.a. run_time.c prints what QEMU counted.
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

c++ -O1 -w "$source/tests/embedded/pixels.cc" -o "$work/pixels"
"$work/pixels" "$source/tests/data/ai_vs_real/ai_pagoda.png" >"$work/picture.ppm"

# image BOARD ARCHIVE SHIFT ARENA_BYTES: an instruction takes 2^SHIFT ns.
image() {
  DEMO=$source/tests/embedded/run_time.c "$source/tools/embedded/make_image" "$1" "$build/$2/liblevit.a" \
    "$source/tests/data/fuzz/weights/smallest_f16.levit" "$work/picture.ppm" "$work/$1.elf" \
    -DINSTRUCTION_NS="$((1 << $3))" -DARENA_BYTES="$4"
}

# judge NAME FIXED: least and most instructions of each call, and whether they may differ so much; FIXED is the share of what
# run_time.c calls fixed. That some call does vary shows that a difference would be seen.
judge() {
  awk -v name="$1" -v fixed_share="$2" '
    {sub(/\r$/, "")}
    /^done$/ {done = 1}
    /^(fixed|varies) / {
      call = $0
      sub(/: [^:]*$/, "", call)
      if (!(call in least) || $NF < least[call]) least[call] = $NF
      if ($NF > most[call]) most[call] = $NF
      ++runs[call]
    }
    END {
      if (!done) {print "FAIL  " name ": it did not reach its end"; bad = 1}
      for (call in runs) {
        allowed = call ~ /^fixed/ ? fixed_share * least[call] : 0.1 * least[call] + 50
        differ = most[call] - least[call]
        wrong = differ > allowed || runs[call] < 4 || least[call] < 100
        varied += differ > 0
        bad += wrong
        fixed += call ~ /^fixed/
        printf "%s%s, %s: %.0f instructions, %.0f more at most, %d runs\n", wrong ? "FAIL  " : "", name, call, least[call], differ, runs[call]
      }
      if (fixed < 13 || varied < 3) {print "FAIL  " name ": " fixed " calls whose time is fixed, " varied " that varied"; bad = 1}
      exit bad != 0
    }' "$work/out" | sort
}

image virt cross-aarch64 4 '((size_t)16<<20)'
timeout 500 qemu-system-aarch64 -M virt -cpu cortex-a53 -m 64 -nographic -net none -icount shift=4 -kernel "$work/virt.elf" \
  </dev/null >"$work/out"
judge "aarch64, NEON" 0
image an500 cross-cortex-m7 7 '((size_t)4<<20)'
timeout 500 qemu-system-arm -M mps2-an500 -nographic -no-reboot -icount shift=7 -kernel "$work/an500.elf" </dev/null >"$work/out"
judge "cortex-m7, SCALAR" 0.1 # whose minima and maxima are branches
