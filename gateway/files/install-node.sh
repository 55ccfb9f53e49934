#!/bin/bash
# install-node.sh VERSION URL SHA256: Node of exactly that digest as /opt/node/VERSION, beside what is there; switches
# nothing. Safe to kill and to repeat.
# Exit status: 0 installed (or was), 1 failed, reason on stderr.
set -euo pipefail

readonly VERSION=$1 URL=$2 SHA256=$3
readonly TARGET=/opt/node/$VERSION PARTIAL=/opt/node/.$VERSION.partial ARCHIVE=/var/cache/hermes/node-$VERSION.tar.xz

main() {
  [ ! -x "$TARGET/bin/node" ] || return 0
  install -d -m 0700 "${ARCHIVE%/*}"
  curl --fail --location --silent --show-error --proto '=https' --proto-redir '=https' --retry 5 --retry-all-errors \
    --speed-limit 1000 --speed-time 60 --connect-timeout 20 --output "$ARCHIVE" "$URL" ||
    fail "$URL could not be downloaded"
  printf '%s  %s\n' "$SHA256" "$ARCHIVE" | sha256sum --check --status ||
    fail "$URL has SHA-256 $(sha256sum <"$ARCHIVE" | cut -c -64), not $SHA256: refused"
  rm -rf "$PARTIAL"
  install -d -m 0755 "$PARTIAL"
  tar --extract --xz --file "$ARCHIVE" --directory "$PARTIAL" --strip-components=1 --no-same-owner
  rm -f "$ARCHIVE"
  [ "$("$PARTIAL/bin/node" --version)" = "v$VERSION" ] || fail "the archive's bin/node is not Node $VERSION"
  sync -f "$PARTIAL"
  rm -rf "$TARGET"
  mv "$PARTIAL" "$TARGET"
}

fail() {
  rm -f "$ARCHIVE"
  printf '%s\n' "$*" >&2
  exit 1
}

main
