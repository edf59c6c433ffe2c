#!/usr/bin/env bash
# What members of liblevit.a take in a program, by the linker's map: linked_size.sh MAP
# Prints bytes of text, of constants (.rodata, .data.rel.ro), of unwinding tables, and of writable data.
set -euo pipefail

awk '
  function bytes_of(word,  value, i) {
    for (i = 3; i <= length(word); ++i) value = 16 * value + index("0123456789abcdef", substr(word, i, 1)) - 1
    return value
  }
  function add(section, size, file) {
    if (file !~ /liblevit\.a\(/) return
    if (section ~ /^\.text/) text += bytes_of(size)
    else if (section ~ /^\.(rodata|data\.rel\.ro)/) constants += bytes_of(size)
    else if (section ~ /^\.eh_frame/) unwinding += bytes_of(size)
    else if (section ~ /^\.(data|bss|tdata|tbss)/) writable += bytes_of(size)
  }
  /^Linker script and memory map/ {on = 1}
  !on {next}
  NF == 1 && /^ \./ {section = $1; next}  # a long name; the rest is on the next line
  /^ \./ && NF >= 4 {add($1, $3, $4); next}
  /^ +0x/ && NF >= 3 && section != "" {add(section, $2, $3)}
  {section = ""}
  END {print text + 0, constants + 0, unwinding + 0, writable + 0}
' "$1"
