#!/usr/bin/env bash
# The Debian packages: made by CPack, judged by lintian, installed into a root with nothing in it but dpkg's records,
# run and removed there. debian_test.sh SOURCE_DIR BUILD_DIR
set -euo pipefail

source=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# gzip and not xz: the packages are the same and are made in a tenth of the time.
cpack --config "$build/CPackConfig.cmake" -B "$work/packages" -D CPACK_DEBIAN_COMPRESSION_TYPE=gzip >"$work/log" ||
  fail "$(cat "$work/log")"
packages=("$work"/packages/*.deb)
((${#packages[@]} == 2)) || fail "packages: ${packages[*]}"
lintian --allow-root --fail-on error "${packages[@]}" || fail "lintian"
echo "lintian accepts $(basename -a "${packages[@]}" | paste -s)"

# As root without being it: the files are ours, and nothing is run by dpkg.
root=$work/root
mkdir -p "$root/var/lib/dpkg"/{info,updates,triggers}
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"
before=$(cd "$root" && find . -path ./var -prune -o -print | sort)
in_root() { dpkg --root="$root" --force-not-root --force-depends --log="$work/dpkg.log" "$@" >>"$work/log" 2>&1; }
in_root --install "${packages[@]}" || fail "$(tail "$work/log")"

"$root/usr/bin/levit" classify "$source/tests/data/pictures/real/bear.jpg" | grep -qE 'ai|real|unsure' || fail "no verdict"
"$root/usr/bin/levit" info | grep -F "$root/usr/share/levit/ai_vs_real.levit"
MANPATH=$root/usr/share/man man -l "$root/usr/share/man/man1/levit.1.gz" >/dev/null
flags=$(PKG_CONFIG_PATH=$root/usr/lib/pkgconfig pkg-config --cflags --libs levit)
# shellcheck disable=SC2086 # several flags
cc -std=c99 "$source/tools/examples/classify.c" $flags -o "$work/classify"

in_root --remove levit liblevit-dev || fail "$(tail "$work/log")"
after=$(cd "$root" && find . -path ./var -prune -o -print | sort)
[[ $after == "$before" ]] || fail "left behind: $after"
echo "installed, run and removed without a trace"
