#!/bin/bash
# install-openclaw.sh VERSION BEFORE: brings /opt/openclaw/VERSION into being beside what is there; switches nothing.
# BEFORE (YYYY-MM-DD) pins the dependencies that float. Safe to kill, to repeat, and to run twice at once.
# Exit status: 0 installed (or was), 1 failed, reason on stderr, 2 usage.
set -euo pipefail

readonly ROOT=/opt/openclaw HASH=.hermes-tree.sha256 WORK=/var/cache/hermes/npm
# Only root can enter the folder of the lock, because any account that can open a file can lock it.
readonly LOCK=/run/hermes/openclaw.lock LOCK_SECONDS=900
export NODE_USE_SYSTEM_CA=1 HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export npm_config_cache=$WORK npm_config_before=${2-} npm_config_fund=false npm_config_audit=false
export npm_config_update_notifier=false npm_config_loglevel=error npm_config_progress=false
export npm_config_fetch_retries=1 npm_config_fetch_retry_mintimeout=2000 npm_config_fetch_timeout=60000

main() {
  [ $# -eq 2 ] || { echo "usage: install-openclaw.sh VERSION BEFORE" >&2 && exit 2; }
  local version=$1
  local partial=$ROOT/.$version.partial
  umask 022
  install -d "$ROOT" "${WORK%/*}"
  install -d -m 0700 "${LOCK%/*}"
  exec 7>"$LOCK"
  flock --wait "$LOCK_SECONDS" 7 || { say_who_holds_lock && return 1; }
  # The hash is written last: without it the tree is not whole.
  [ ! -s "$ROOT/$version/$HASH" ] || return 0
  wait_for_registry "$version"
  install_into "$partial" "$version"
  rm -rf "$WORK"
  "$partial/bin/openclaw" --version >&2
  (cd "$partial" && tree_hash) >"$partial/$HASH.new"
  mv "$partial/$HASH.new" "$partial/$HASH"
  rm -rf "${ROOT:?}/$version"
  # On disk before it has its name: a power cut would leave a whole tree of empty files.
  sync -f "$partial"
  mv "$partial" "$ROOT/$version"
}

say_who_holds_lock() {
  local holder
  holder=$(awk -v inode="$(stat -c %i "$LOCK")" '$2 == "FLOCK" && $6 ~ ":" inode "$" { print $5; exit }' /proc/locks)
  echo "another installation of OpenClaw is still running after $LOCK_SECONDS s: process ${holder:-unknown}" >&2
}

# Asked before the long work, so that a registry that is down is told within three minutes and by its name; sooner where
# a version runs already and nothing is lost by asking again later (HERMES_REGISTRY_SECONDS).
wait_for_registry() {
  local end=$((SECONDS + ${HERMES_REGISTRY_SECONDS:-150})) answer
  until answer="$(timeout 30 npm view "openclaw@$1" version 2>&1)" && [ -n "$answer" ]; do
    case $answer in
      *E404* | *ETARGET* | "")
        echo "openclaw@$1 was not on $(npm config get registry) before $npm_config_before: $(one_line "$answer")" >&2
        return 1
        ;;
    esac
    [ "$SECONDS" -lt "$end" ] ||
      { echo "registry $(npm config get registry) does not answer: $(one_line "$answer")" >&2 && return 1; }
    sleep 5
  done
}

one_line() { printf %s "$1" | sed 's/^npm error //' | tr '\n' ' ' | cut -c -300; }

install_into() {
  local attempt
  for attempt in 1 2 3; do
    rm -rf "$1"
    ! timeout 900 npm install --global "openclaw@$2" --prefix "$1" --allow-scripts=openclaw >&2 || return 0
    echo "npm install failed, attempt $attempt of 3" >&2
    sleep 3
  done
  return 1
}

# Names, contents and link targets; not owners and times.
tree_hash() {
  {
    find . -type f ! -name "$HASH*" -print0 | sort -z | xargs -0 sha256sum
    find . -type l -printf '%p -> %l\n' | sort
  } | sha256sum | cut -c -64
}

main "$@"
