#!/usr/bin/env bash
# The library as firmware takes it: fetched by CMake from a repository, forward only, -Os, the model linked as C code.
# embedded_test.sh SOURCE_DIR PACK_WEIGHTS LEVIT
set -euo pipefail

source=$1
pack_weights=$2
levit=$3
model=$source/tests/data/fuzz/weights/smallest_f16.levit
most=70000 # bytes of text and constants of the library: 47.5 kB measured without vectors, 62.7 with AVX2 (bench/sizes)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# The repository is made here of what a build of the library reads.
git_quiet() { git -C "$work/repository" -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false "$@"; }
mkdir "$work/repository"
git_quiet init -q -b main
tar -C "$source" -c CMakeLists.txt kernels runtime --exclude='*.levit' weights | tar -C "$work/repository" -x
git_quiet add -A
git_quiet commit -q -m library

"$pack_weights" "$model" --emit-c "$work/model.c"
cmake -S "$source/tests/archive/embedded" -B "$work/build" -G Ninja -DLEVIT_REPOSITORY="file://$work/repository" \
  -DLEVIT_MODEL_SOURCE="$work/model.c" -DCMAKE_BUILD_TYPE=MinSizeRel >"$work/log" || fail "$(cat "$work/log")"
cmake --build "$work/build" >"$work/log" || fail "$(cat "$work/log")"

# The same logits as the program's, which reads the file.
"$work/build/app" "$work/picture.ppm" >"$work/logits"
[[ -s $work/logits ]]
"$levit" classify --json --target SCALAR --model "$model" "$work/picture.ppm" |
  grep -o '"logits":\[[^]]*\]' | tr -d '"logits:[]' | tr ',' '\n' >"$work/expected"
paste "$work/logits" "$work/expected" | awk '
  {d = $1 - $2; if (d < 0) d = -d; size = $2 < 0 ? -$2 : $2; if (NF != 2 || d > 1e-5 * (1 + size)) bad = 1}
  END {exit bad || NR < 2}' || fail "logits are $(paste -s "$work/logits"), levit has $(paste -s "$work/expected")"
echo "the model linked as C gives the logits of levit: $(paste -s "$work/logits")"

# In read-only memory, where levit_open takes it.
nm "$work/build/app" | grep ' [rR] levit_weights$' || fail "the model does not lie in read-only memory"

read -r text constants unwinding writable < <("$source/tests/archive/linked_size.sh" "$work/build/app.map")
echo "linked: $text text + $constants constants = $((text + constants)) bytes, $unwinding unwinding tables"
((text > 20000 && text + constants <= most)) || fail "more than $most bytes, or not found in the map"
((writable == 0)) || fail "$writable bytes of writable data"

# Nothing of gradients is linked: what only they ask for is a constant false here.
! nm "$work/build/app" | grep -iE 'vjp|backward|attribution' || fail "code of gradients"

# Calls of what is left out are not in the archive.
archive=$(find "$work/build" -name liblevit.a)
absent='levit_(gradient|cam|shap|integrated|train|head_create|head_step|export|status_text|status_name)'
! nm --defined-only "$archive" | grep -E " T $absent" || fail "calls that are left out"
nm --defined-only "$archive" | grep ' T levit_classify$' || fail "no levit_classify"
"$source/tests/archive/archive_test.sh" symbols "$archive"
