#!/usr/bin/env bash
# The one file with the model inside, alone in an empty root: standalone_test.sh STANDALONE LEVIT PICTURE
set -euo pipefail

standalone=$(realpath "$1")
levit=$(realpath "$2")
picture=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# Nothing but the two files; without being root in a namespace where one is.
enter() {
  if (($(id -u) == 0)); then chroot "$work/root" "$@"; else unshare --map-root-user chroot "$work/root" "$@"; fi
}
mkdir "$work/root"
cp "$standalone" "$work/root/levit"
cp "$picture" "$work/root/picture.jpg"
[[ $(find "$work/root" -type f | wc -l) == 2 ]]
! objdump -p "$standalone" | grep -E 'NEEDED|INTERP' || fail "it needs something"
enter /levit classify --csv /picture.jpg >"$work/verdict"
cp "$picture" "$work/picture.jpg"
(cd "$work" && "$levit" classify --csv picture.jpg) | sed 's,^picture,/picture,' >"$work/expected"
diff "$work/verdict" "$work/expected" || fail "not the verdict of levit with the model in a file"
enter /levit info | grep -F 'the model inside levit'
enter /levit explain --method gradcam -o /explained /picture.jpg >"$work/log" 2>&1 || fail "$(cat "$work/log")"
[[ -s $work/root/explained/index.html || $(find "$work/root/explained" -name '*.png') ]] || fail "no sheet"

# For the record; speed is no test.
best=999999
for _ in 1 2 3 4 5 6 7 8 9 10; do
  before=${EPOCHREALTIME/./}
  enter /levit classify --csv /picture.jpg >/dev/null
  took=$((${EPOCHREALTIME/./} - before))
  ((took < best)) && best=$took
done
echo "$(stat -c %s "$standalone") bytes; a verdict in $((best / 1000)).$((best % 1000 / 100)) ms with chroot, at best of ten"
