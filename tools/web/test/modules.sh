# What the scripts beside it take from npm, into build/web/modules; nothing of it is in the product. Sourced, from the
# repository's root.
# shellcheck shell=bash

# need_modules NAME@VERSION...: installs them unless all are there; then it needs no network.
need_modules() {
  local modules=build/web/modules module
  mkdir -p "$modules"
  [ -f "$modules/package.json" ] || echo '{ "private": true }' >"$modules/package.json"
  for module in "$@"; do
    grep -qs "\"version\": \"${module##*@}\"" "$modules/node_modules/${module%@*}/package.json" && continue
    npm install --prefix "$modules" --ignore-scripts --no-audit --no-fund --loglevel=error "$@" >&2
    return
  done
}

# Debian 12's node 18 is too old for newer ones than 1.60.
playwright_version() {
  if [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; then echo 1.65.1; else echo 1.60.0; fi
}
