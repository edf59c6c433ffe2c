# What the scripts beside it install, by name. Sourced.
# shellcheck shell=bash disable=SC2034 # the lists are for the scripts that source this

build_packages=(cmake g++ libbenchmark-dev libcli11-dev libeigen3-dev libhwy-dev libjpeg62-turbo-dev libstb-dev
  libwebp-dev ninja-build nlohmann-json3-dev doctest-dev)
check_packages=(binutils bsdextrautils bsdutils clang clang-format clang-tidy fish git libclang-rt-14-dev libheif-dev
  lintian man-db mandoc pkg-config procps shellcheck valgrind zsh)
cross_packages=(g++-aarch64-linux-gnu g++-arm-linux-gnueabihf g++-i686-linux-gnu g++-riscv64-linux-gnu
  g++-s390x-linux-gnu gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib qemu-system-arm qemu-user)
web_packages=(chromium emscripten)

# need_packages PACKAGE...: installs what is missing with apt; needs no network when all are there.
need_packages() {
  local package missing=() root=()
  for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  echo "Installing ${missing[*]}" >&2
  "${root[@]}" apt-get -qq update >&2 &&
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get -qq install --no-install-recommends -y "${missing[@]}" >&2
}
