#!/usr/bin/env bash
# What the archive is made of: archive_test.sh symbols|sections|stack|recursion|size ARCHIVE
set -euo pipefail
export LC_ALL=C

# Everything that the library may ask of its surroundings: five functions of any C library, libgcc's word on what the
# processor can do, and its conversions and divisions of 64-bit integers on processors of 32 bits. The linker makes
# _GLOBAL_OFFSET_TABLE_.
allowed='memcmp memcpy memmove memset strlen __cpu_indicator_init __cpu_model _GLOBAL_OFFSET_TABLE_
__aeabi_d2lz __aeabi_d2ulz __aeabi_l2d __aeabi_ul2d __aeabi_uldivmod __umoddi3'

max_stack=8192   # bytes of one function's frame
max_size=1500000 # bytes of the archive without debug information

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# Undefined in one object and defined in none: an allow list, exactly.
check_symbols() {
  local needed unexpected
  needed=$(comm -23 <("$nm" -u "$archive" | awk '/ [Uw] /{print $2}' | sort -u) \
    <("$nm" --defined-only "$archive" | awk 'NF == 3 {print $3}' | sort -u))
  echo "needs: ${needed//$'\n'/ }"
  unexpected=$(comm -23 <(echo "$needed") <(tr ' ' '\n' <<<"$allowed" | sort -u))
  [[ -z $unexpected ]] || fail "not on the list: $unexpected"
}

# Nothing to write to, to run before main, to unwind, or per thread. Constants that hold addresses (.data.rel.ro) are
# filled in by the loader and read-only from then on.
check_sections() {
  local found
  found=$("$objdump" -h "$archive" | awk '
    $2 ~ /^\.(tdata|tbss|init_array|fini_array|ctors|dtors|gcc_except_table)/ {print $2}
    $2 ~ /^\.(data|bss)/ && $2 !~ /^\.data\.rel\.ro/ && $3 !~ /^0+$/ {print $2}
  ' | sort -u)
  [[ -z $found ]] || fail "sections: $found"
  echo "no writable data, static constructors or exception tables"
}

# Largest frame of a function: what it pushes and what it takes from the stack pointer. A frame of a size only known at
# run time is refused.
check_stack() {
  local frames
  frames=$(objdump -d --no-show-raw-insn -C "$archive" | awk '
    function hex(digits,  value, i) {
      for (i = 1; i <= length(digits); ++i) value = 16 * value + index("0123456789abcdef", substr(digits, i, 1)) - 1
      return value
    }
    /^[0-9a-f]+ <.*>:$/ {name = $0; sub(/^[0-9a-f]+ </, "", name); sub(/>:$/, "", name); bytes = 8}
    $2 == "push" {bytes += 8}
    $2 ~ /^subq?$/ && $3 ~ /^\$0x[0-9a-f]+,%rsp$/ {split($3, part, /[x,]/); bytes += hex(part[2])}
    $2 ~ /^addq?$/ && $3 ~ /^\$0xffffffffffffff80,%rsp$/ {bytes += 128}
    $2 ~ /^subq?$/ && $3 ~ /^%r[0-9a-z]+,%rsp$/ {bytes = 1e9}
    {if (bytes > frame[name]) frame[name] = bytes}
    END {for (name in frame) if (name != "") print frame[name], name}
  ' | sort -rn)
  head -n 5 <<<"$frames"
  (($(head -n 1 <<<"$frames" | cut -d ' ' -f 1) <= max_stack)) || fail "a frame of more than $max_stack bytes"
}

# Direct calls make no circle but two whose depth is fixed: a row of the stem asks the layer before it for rows, of
# which there are four layers, and a plan with replicas plans one of them, which has none. A local name belongs to its
# object; a jump within a function is none to it.
check_recursion() {
  local edges circles
  edges=$(objdump -dr --no-show-raw-insn "$archive" | awk '
    function node(name) {
      sub(/^\.text\.(unlikely\.|hot\.)?/, "", name)
      sub(/[-+]0x[0-9a-f]+$/, "", name)
      sub(/\.cold$/, "", name)
      return name ~ /_GLOBAL__N_|\.(constprop|isra|part)\./ ? object ":" name : name
    }
    function edge(to) {if (to != from || kind == "call") print from, to}
    /file format/ {object = $1}
    /^[0-9a-f]+ <.*>:$/ {
      if (kind != "") edge(target)
      kind = ""; from = $2; gsub(/[<>:]/, "", from); from = node(from)
      next
    }
    kind != "" {edge($2 ~ /^R_/ ? node($3) : target); kind = ""; if ($2 ~ /^R_/) next}
    $2 ~ /^(call|jmp|j[a-z]+)q?$/ && $4 ~ /^</ {
      kind = $2 ~ /^call/ ? "call" : "jump"; target = $4; gsub(/[<>]/, "", target); target = node(target)
    }
  ' | grep -v -E -e 'RowStream(3row|8convolve).* .*RowStream(3row|8convolve)' -e 'add_replicas.* .*floats_of_replica' | sort -u)
  echo "$(wc -l <<<"$edges") direct calls from function to function"
  (($(wc -l <<<"$edges") > 100)) || fail "not the calls of a library"
  circles=$(awk '$1 == $2 {print $1}' <<<"$edges"; awk '$1 != $2' <<<"$edges" | tsort 2>&1 >/dev/null || true)
  [[ -z $circles ]] || fail "recursion: $circles"
}

check_size() {
  local bytes
  strip --strip-unneeded -o "$archive.stripped" "$archive"
  bytes=$(stat -c %s "$archive.stripped")
  echo "$bytes bytes stripped"
  ((bytes <= max_size)) || fail "more than $max_size bytes"
}

archive=$2
nm=${NM:-nm} objdump=${OBJDUMP:-objdump} # of the archive's processor
[[ -s $archive ]] || fail "$archive: no such archive"
case $1 in
  symbols | sections | stack | recursion | size) "check_$1" ;;
  *) fail "no check named $1" ;;
esac
