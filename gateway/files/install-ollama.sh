#!/bin/bash
# install-ollama.sh VERSION URL SHA256: Ollama of exactly that digest as /opt/ollama/VERSION, without what only graphics
# cards need. An interrupted download goes on where it stopped.
# Exit status: 0 installed (or was), 1 failed, reason on stderr.
set -euo pipefail

readonly VERSION=$1 URL=$2 SHA256=$3
readonly TARGET=/opt/ollama/$VERSION ARCHIVE=/var/cache/hermes/ollama-$VERSION.tar.zst
# The release unpacks to about 2 GB; its archive (1.2 GB) stands beside that for a while.
readonly NEEDED_MIB=4096

main() {
  [ ! -x "$TARGET/bin/ollama" ] || return 0
  install -d -m 0700 "${ARCHIVE%/*}"
  check_space
  download
  unpack
  rm -f "$ARCHIVE"
}

check_space() {
  local free
  free=$(($(df --output=avail -B1M /opt | tail -n 1)))
  [ "$free" -ge "$NEEDED_MIB" ] || fail "Ollama needs $NEEDED_MIB MiB of disk to be installed, and $free MiB are free"
}

# A whole archive of another digest can't be mended by going on: it is fetched anew, once.
download() {
  local try
  for try in 1 2; do
    fetch || fail "$URL could not be downloaded"
    ! printf '%s  %s\n' "$SHA256" "$ARCHIVE" | sha256sum --check --status || return 0
    rm -f "$ARCHIVE"
    [ "$try" -eq 2 ] || say "the download's SHA-256 is another one: trying once more"
  done
  fail "what $URL gives is not the Ollama $VERSION that is pinned: its SHA-256 is not $SHA256"
}

# 33: the server can't go on from the middle, or there is nothing more to come.
fetch() {
  local status=0
  curl --fail --location --silent --show-error --proto '=https' --proto-redir '=https' --retry 5 --retry-all-errors \
    --speed-limit 1000 --speed-time 60 --connect-timeout 20 --continue-at - --output "$ARCHIVE" "$URL" || status=$?
  [ "$status" -eq 33 ] || [ "$status" -eq 22 ] && [ -s "$ARCHIVE" ] || return "$status"
}

# Node knows Zstandard; a fresh Debian has no program for it.
unpack() {
  local fresh=$TARGET.partial
  rm -rf "$fresh"
  install -d -m 0755 "$fresh"
  /usr/local/bin/node --eval 'process.stdin.pipe(require("node:zlib").createZstdDecompress()).pipe(process.stdout)' \
    <"$ARCHIVE" |
    tar --extract --directory "$fresh" --no-same-owner --exclude='*/cuda*' --exclude='*/rocm*' --exclude='*/vulkan*' \
      --exclude='*/mlx*'
  [ -x "$fresh/bin/ollama" ] || fail "the archive has no bin/ollama"
  rm -rf "$TARGET"
  sync -f "$fresh"
  mv "$fresh" "$TARGET"
}

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  say "$@"
  exit 1
}

main
