#!/bin/bash
# install-openclaw.sh VERSION BEFORE SHA256: brings /opt/openclaw/VERSION into being beside what is there; switches nothing.
# SHA256 is the digest that the tree must have, or first-install: then the first tree of that version is taken as it comes,
# and its digest is kept for all later ones. With a lock of the version (HERMES_OPENCLAW_LOCK) its packages are the lock's;
# without one BEFORE (YYYY-MM-DD) pins the dependencies that float. Nothing of the tree runs before its digest is compared.
# Safe to kill, to repeat, and to run twice at once.
# Exit status: 0 installed (or was), 1 failed, reason on stderr, 2 usage.
#
# install-openclaw.sh --verify=VERSION: exit status 0 if the tree is as it was installed, 3 if not.
# install-openclaw.sh digest VERSION LOCK FOLDER: installs into a folder as the caller, and prints the digest of the tree.
set -euo pipefail

readonly ROOT=/opt/openclaw HASH=.hermes-tree.sha256 QUICK=.hermes-tree.quick
# Where the account that runs npm may write, and where root finds what it wrote.
readonly ACCOUNT=hermes-npm WORK=/var/cache/hermes-npm
readonly PINS=/srv/hermes/openclaw-trees
# Only root can enter the folder of the lock, because any account that can open a file can lock it.
readonly RUN_LOCK=/run/hermes/openclaw.lock LOCK_SECONDS=900
readonly LOCK=${HERMES_OPENCLAW_LOCK:-/usr/local/lib/hermes/openclaw-lock.json}
# No script of a package runs: everything native in there is built already.
readonly FLAGS=(--ignore-scripts --no-audit --no-fund --no-progress)
# In the layout that `npm install --global` makes.
readonly FROM_LOCK=(npm ci --install-strategy=shallow --omit=dev "${FLAGS[@]}")
export LC_ALL=C.UTF-8
[ "${1-}" = digest ] || export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

main() {
  case "${1-} $#" in
    --verify=*" 1") verify "$ROOT/${1#--verify=}" ;;
    "digest 4") digest_of "$2" "$3" "$4" ;;
    *" 3") install_version "$1" "$2" "$3" ;;
    *) echo "usage: install-openclaw.sh VERSION BEFORE SHA256 | --verify=VERSION | digest VERSION LOCK FOLDER" >&2 && return 2 ;;
  esac
}

install_version() {
  local version=$1 before=$2 wanted=$3
  local partial=$ROOT/.$version.partial
  umask 022
  install -d "$ROOT"
  install -d -m 0700 "${RUN_LOCK%/*}"
  exec 7>"$RUN_LOCK"
  flock --wait "$LOCK_SECONDS" 7 || { say_who_holds_lock && return 1; }
  # The hash is written last: without it the tree is not whole.
  ! verify "$ROOT/$version" || return 0
  prepare_account
  wait_for_registry "$version" "$before"
  fetch "$version" "$before"
  compare "$version" "$wanted"
  run_own_script
  rm -rf "$partial"
  mv "$WORK/tree" "$partial"
  make_roots "$partial"
  as_npm timeout 300 "$partial/bin/openclaw" --version >&2
  rm -rf "$WORK"
  (cd "$partial" && quick_hash) >"$partial/$QUICK"
  (cd "$partial" && tree_hash) >"$partial/$HASH.new"
  mv "$partial/$HASH.new" "$partial/$HASH"
  rm -rf "${ROOT:?}/$version"
  # On disk before it has its name: a power cut would leave a whole tree of empty files.
  sync -f "$partial"
  mv "$partial" "$ROOT/$version"
}

say_who_holds_lock() {
  local holder
  holder=$(awk -v inode="$(stat -c %i "$RUN_LOCK")" '$2 == "FLOCK" && $6 ~ ":" inode "$" { print $5; exit }' /proc/locks)
  echo "another installation of OpenClaw is still running after $LOCK_SECONDS s: process ${holder:-unknown}" >&2
}

prepare_account() {
  id "$ACCOUNT" >/dev/null 2>&1 || useradd --system --no-create-home --home-dir "$WORK" --shell /usr/sbin/nologin "$ACCOUNT"
  rm -rf "$WORK"
  install -d -m 0700 -o "$ACCOUNT" -g "$ACCOUNT" "$WORK"
}

# npm unpacks what a registry sends before anyone has checked it: as an account that owns nothing, and can write to one
# folder. When the unit ends, nothing of it is left running.
as_npm() {
  systemd-run --quiet --pipe --wait --collect --service-type=exec --working-directory="$WORK" \
    --property=User="$ACCOUNT" --property=UMask=0022 --property=RuntimeMaxSec=1000 \
    --property=NoNewPrivileges=yes --property=CapabilityBoundingSet= --property=RestrictSUIDSGID=yes \
    --property=ProtectSystem=strict --property=ReadWritePaths="$WORK" --property=ProtectHome=yes \
    --property=PrivateTmp=yes --property=PrivateDevices=yes --property=ProtectKernelTunables=yes \
    --property=ProtectControlGroups=yes --property=ProtectProc=invisible \
    --property="InaccessiblePaths=-/srv/hermes -/var/lib/openclaw -/etc/openclaw -/etc/hermes -/run/hermes -/etc/ssh" \
    --setenv=PATH="$PATH" --setenv=LC_ALL="$LC_ALL" --setenv=HOME="$WORK" --setenv=NODE_USE_SYSTEM_CA=1 \
    --setenv=npm_config_cache="$WORK/cache" --setenv=npm_config_loglevel=error \
    --setenv=npm_config_fetch_retries=1 --setenv=npm_config_fetch_retry_mintimeout=2000 \
    --setenv=npm_config_fetch_timeout=60000 --setenv=npm_config_update_notifier=false -- "$@"
}

# Asked before the long work, so that a registry that is down is told within three minutes and by its name; sooner where
# a version runs already and nothing is lost by asking again later (HERMES_REGISTRY_SECONDS).
wait_for_registry() {
  local end=$((SECONDS + ${HERMES_REGISTRY_SECONDS:-150})) answer
  until answer="$(as_npm timeout 30 npm view "openclaw@$1" version "--before=$2" 2>&1)" && [ -n "$answer" ]; do
    case $answer in
      *E404* | *ETARGET* | "")
        echo "openclaw@$1 was not on $(npm config get registry) before $2: $(one_line "$answer")" >&2
        return 1
        ;;
    esac
    [ "$SECONDS" -lt "$end" ] ||
      { echo "registry $(npm config get registry) does not answer: $(one_line "$answer")" >&2 && return 1; }
    sleep 5
  done
}

one_line() { printf %s "$1" | sed 's/^npm error //' | tr '\n' ' ' | cut -c -300; }

fetch() {
  local attempt
  for attempt in 1 2 3; do
    rm -rf "$WORK/tree"
    ! fetch_once "$1" "$2" >&2 || return 0
    echo "npm install failed, attempt $attempt of 3" >&2
    sleep 3
  done
  return 1
}

fetch_once() {
  if has_lock "$1"; then
    lay_out "$1" "$LOCK" "$WORK/tree"
    chown -R "$ACCOUNT:$ACCOUNT" "$WORK/tree"
    as_npm timeout 900 "${FROM_LOCK[@]}" --prefix "$WORK/tree/lib" || return 1
    tidy "$WORK/tree"
  else
    as_npm timeout 900 npm install --global "openclaw@$1" --prefix "$WORK/tree" "--before=$2" "${FLAGS[@]}"
  fi
}

has_lock() { grep -qs "\"openclaw\": *\"$1\"" "$LOCK"; }

# What npm reads, in a folder that becomes the tree.
lay_out() {
  mkdir -p "$3/lib" "$3/bin"
  printf '{"private":true,"dependencies":{"openclaw":"%s"}}\n' "$1" >"$3/lib/package.json"
  cp "$2" "$3/lib/package-lock.json"
  ln -s ../lib/node_modules/openclaw/openclaw.mjs "$3/bin/openclaw"
}

# Afterwards the tree is the one that `npm install --global` makes.
tidy() { rm -rf "$1/lib/package.json" "$1/lib/package-lock.json" "$1/lib/node_modules"/.[!.]*; }

# Files, folders and links within the tree, and nobody else's.
make_roots() {
  local odd
  odd=$(find "$1" ! -type f ! -type d ! -type l -print -quit)
  [ -z "$odd" ] || { echo "refused: $odd is neither a file nor a folder" >&2 && return 1; }
  chown -hR root:root "$1"
  find "$1" -type d -exec chmod 0755 {} +
  find "$1" -type f -exec chmod u=rwX,go=rX {} +
  odd=$(find "$1" -type l -exec readlink -m {} + | grep -v -m 1 -F "$1/" || true)
  [ -z "$odd" ] || { echo "refused: a link leads out of the tree, to $odd" >&2 && return 1; }
}

compare() {
  local version=$1 wanted=$2 found
  found=$(cd "$WORK/tree" && tree_hash)
  [ "$wanted" != first-install ] || wanted=$(pinned "$version" "$found")
  [ "$found" = "$wanted" ] || {
    rm -rf "$WORK"
    echo "refused: openclaw@$version with its dependencies has the digest $found, not $wanted. Nothing of it was run." >&2
    echo "The registry $(npm config get registry) serves other packages than those that hermes knows." >&2
    return 1
  }
}

# OpenClaw does not start before its own script has completed the package. By now it is the one that hermes knows.
run_own_script() {
  as_npm timeout 300 npm rebuild --global --prefix "$WORK/tree" openclaw --allow-scripts=openclaw >&2
}

# The digest that the first installation of a version had. Kept on the volume, so that another droplet compares too.
pinned() {
  install -d -m 0700 "${PINS%/*}"
  grep -qs "^$1 " "$PINS" || { echo "$1 $2" >>"$PINS" && chmod 0600 "$PINS"; }
  awk -v version="$1" '$1 == version { print $2; exit }' "$PINS"
}

# The quick look spares reading 650 MB each time: only root can change a file here, and nobody can set the time of a change.
verify() {
  local quick
  [ -s "$1/$HASH" ] || return 3
  quick=$(cd "$1" && quick_hash)
  [ "$quick" != "$(cat "$1/$QUICK" 2>/dev/null)" ] || return 0
  [ "$(cd "$1" && tree_hash)" = "$(cat "$1/$HASH")" ] || return 3
  printf '%s\n' "$quick" >"$1/$QUICK"
}

quick_hash() {
  find . ! -type d ! -name '.hermes-tree.*' -printf '%p %y %s %T@ %C@ %i %l\n' | LC_ALL=C sort | sha256sum | cut -c -64
}

# Names, contents and link targets; not owners and times.
tree_hash() {
  {
    find . -type f ! -name '.hermes-tree.*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    find . -type l -printf '%p -> %l\n' | LC_ALL=C sort
  } | sha256sum | cut -c -64
}

digest_of() {
  lay_out "$1" "$2" "$3"
  "${FROM_LOCK[@]}" --prefix "$3/lib" >&2
  tidy "$3"
  (cd "$3" && tree_hash)
}

main "$@"
