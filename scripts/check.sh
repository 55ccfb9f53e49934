#!/bin/bash
# npm run check [-- static]: what has to be clean before every commit; "static" leaves out the unit tests, which npm test
# has anyway. The tools run side by side; each prints its seconds and, where it fails, what it found. A tool that is not
# there is installed, or the check fails. Ends with 0, 1 when something is not clean, 2 on wrong usage.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"

# What was clean before, so that only what changed is looked at again.
readonly CACHE=node_modules/.cache/check
# The longest first.
readonly TOOLS=(lint types format imports unused apply_types shell)

lint() { node scripts/lint.js "$CACHE/lint.json"; }
types() { npx tsc -p . --incremental --tsBuildInfoFile "$CACHE/types.json"; }
apply_types() { npx tsc -p gateway/apply --incremental --tsBuildInfoFile "$CACHE/apply-types.json"; }
format() { npx prettier --check --log-level warn --cache --cache-strategy content --cache-location "$CACHE/format" .; }
imports() { node scripts/imports.js; }
unused() { npx knip --no-progress --treat-config-hints-as-errors; }
shell() {
  local files
  # Some have no ending; the first line tells. A link is checked where it leads to.
  mapfile -t files < <(git ls-files --stage | sed -n 's/^100[0-9 a-f]*\t//p' |
    xargs awk 'FNR == 1 && /^#!.*[\/ ](ba)?sh$/ { print FILENAME } { nextfile }')
  shellcheck -x "${files[@]}" && shfmt -i 2 -ci -d "${files[@]}"
}

ensure_shell_tools() {
  local tool missing=()
  for tool in shellcheck shfmt; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  [ "${#missing[@]}" != 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing: ${missing[*]}. Run: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "installing Debian packages: ${missing[*]}" >&2
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# Prints what the tool said only where it is needed, and in one piece.
run_tool() {
  local said="$SCRATCH/$1" code=0 TIMEFORMAT='%R s (%U s of processor)'
  { time "$1" >"$said" 2>&1 || code=$?; } 2>"$said.time"
  echo "$([ "$code" = 0 ] && echo ok || echo FAILED) $1 $(cat "$said.time")"
  [ "$code" = 0 ] || cat "$said"
  return "$code"
}

# As many at once as there are cores. Fails when one of them did.
run_tools() {
  local tool code=0 running=0
  # Each in a group of its own, so that none outlives a Ctrl-C.
  set -m
  for tool in "${TOOLS[@]}"; do
    if [ "$running" -ge "$(nproc)" ]; then
      wait -n || code=1
      running=$((running - 1))
    fi
    run_tool "$tool" &
    running=$((running + 1))
  done
  while [ "$running" -gt 0 ]; do
    wait -n || code=1
    running=$((running - 1))
  done
  set +m
  return "$code"
}

cleanup() {
  local job
  for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done
  rm -rf "$SCRATCH"
}

main() {
  if [ $# -gt 1 ] || [ "${1-static}" != static ]; then
    echo "usage: npm run check [-- static]" >&2
    exit 2
  fi
  ensure_shell_tools
  mkdir -p "$CACHE"
  SCRATCH=$(mktemp -d)
  trap cleanup EXIT
  run_tools || exit 1
  [ "${1-}" = static ] || npx jest --selectProjects unit --silent --maxWorkers 100%
}

main "$@"
