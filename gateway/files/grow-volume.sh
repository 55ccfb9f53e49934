#!/bin/bash
# grow-volume.sh: lets the file system of the state's volume fill the volume, which has the size that /etc/hermes/volume
# says (GiB). Online: nothing is unmounted. Safe to kill and to repeat.
# Exit status: 0 done (or was), 1 not, reason on stderr.
set -euo pipefail

readonly WANTED=/etc/hermes/volume MOUNT=/srv/hermes TRIES=30

main() {
  local gib device left=$TRIES
  read -r gib <"$WANTED"
  device=$(findmnt --noheadings --output SOURCE --mountpoint "$MOUNT") || fail "no volume is mounted on $MOUNT"
  # The kernel hears of the new size a moment after the API has said that it is done.
  until [ "$(blockdev --getsize64 "$device")" -ge $((gib << 30)) ]; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "$device still has $(blockdev --getsize64 "$device") bytes, not $gib GiB"
    sleep 1
  done
  resize2fs "$device" >/dev/null
}

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

main
