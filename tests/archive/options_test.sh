#!/usr/bin/env bash
# Each part of the library left out alone: it compiles without a warning, the archive has every call of the header but those
# of the part, nothing in it calls what is not there, and a context says that the feature is not there.
# options_test.sh SOURCE_DIR
set -euo pipefail
export LC_ALL=C
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "FAIL: $*" >&2
  exit 1
}

warnings='-Wall -Wextra -Wshadow -Wconversion -Wdouble-promotion -Werror'
# One folder: what an option does not touch is not compiled again.
build() {
  cmake -S "$source" -B "$work/build" -G Ninja -DLEVIT_PROGRAMS=OFF -DLEVIT_STATIC_DISPATCH=ON -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_FLAGS="$warnings" -DCMAKE_CXX_FLAGS_DEBUG=-O0 "$@" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
  cmake --build "$work/build" >"$work/log" || fail "$(cat "$work/log")"
}
calls_of_archive() { nm --defined-only "$work/build/liblevit.a" | awk '$2 == "T" && $3 ~ /^levit_/ {print $3}' | sort; }

sed -nE '/^static/d; s/^[a-z].*[ *](levit_[a-z0-9_]+)\(.*/\1/p' "$source"/runtime/levit.h "$source"/runtime/levit_train.h |
  sort >"$work/declared"
(($(wc -l <"$work/declared") > 50)) || fail "not the calls of the header"
build
diff "$work/declared" <(calls_of_archive) || fail "header (<) and archive (>) differ"

# without PART CALLS FEATURES: what else goes with the part is what its option says.
without() {
  local part=$1 calls=$2 features=$3
  build -DLEVIT_{ATTRIBUTION,GRADIENTS,HEAD_TRAINING,STATUS_TEXT,TRAIN}=ON "-DLEVIT_$part=OFF"
  grep -vxE "$calls" "$work/declared" >"$work/expected"
  diff "$work/expected" <(calls_of_archive) || fail "without $part: expected (<) and archive (>) differ"
  missing=$(comm -23 <(nm -u "$work/build/liblevit.a" | awk '/ U .*levit/ {print $2}' | sort -u) \
    <(nm --defined-only "$work/build/liblevit.a" | awk 'NF == 3 {print $3}' | sort -u))
  [[ -z $missing ]] || fail "without $part, nothing defines: $missing"
  cc -std=c11 -Wall -Wextra -Werror -I "$source/runtime" "$source/tests/archive/options.c" "$work/build/liblevit.a" -lm \
    -o "$work/options"
  found=$("$work/options" "$source/tests/data/fuzz/weights/smallest_f16.levit") || fail "without $part: no context"
  [[ $found == "$features " ]] || fail "without $part, gradients and attribution: $found"
  echo "without $part: $(wc -l <"$work/expected") calls of $(wc -l <"$work/declared")"
}
without ATTRIBUTION 'levit_(shap|integrated_gradients)' 'has lacks'
without HEAD_TRAINING 'levit_(feature_scale|head_(bytes|create|set|get|loss|gradient|gradient_from|step)|cosine_rate|shuffle|export|export_bytes)' 'has has'
without STATUS_TEXT 'levit_status_(name|text)' 'has has'
without TRAIN 'levit_train_.*' 'has has'
without GRADIENTS 'levit_(gradient|layer_floats|cam|cam_from|cam_finish|shap|integrated_gradients|train_.*)' 'lacks lacks'

# The programs need all, and say so.
for part in ATTRIBUTION GRADIENTS HEAD_TRAINING STATUS_TEXT TRAIN; do
  ! cmake -S "$source" -B "$work/programs" -G Ninja "-DLEVIT_$part=OFF" >"$work/log" 2>&1 || fail "programs without $part"
  tr -s ' \n' ' ' <"$work/log" | grep -qE "programs and tests need LEVIT_[A-Z_]+; without it build the library alone: -DLEVIT_PROGRAMS=OFF" ||
    fail "$(cat "$work/log")"
  rm -rf "$work/programs"
done
