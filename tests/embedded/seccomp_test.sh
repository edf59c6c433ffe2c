#!/usr/bin/env bash
# Verdict, map and learned head with nothing allowed but read, write and exit: seccomp_test.sh SOURCE_DIR ARCHIVE
set -euo pipefail
source=$1 archive=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
  printf 'P6 64 48 255\n'
  tail -c 9216 "$source/tests/data/fuzz/weights/smallest_f16.levit"
} >"$work/picture.ppm"
"$source/tools/embedded/make_image" seccomp "$archive" "$source/tests/data/fuzz/weights/smallest_f16.levit" \
  "$work/picture.ppm" "$work/seccomp"
"$work/seccomp" | tee "$work/out"
for key in probability map learned "done"; do grep -q "^$key" "$work/out"; done
code=0
(exec "$work/seccomp" getpid) >/dev/null 2>&1 || code=$?
[[ $code == 137 ]] || { # SIGKILL
  echo "FAIL: getpid was allowed, exit code $code" >&2
  exit 1
}
