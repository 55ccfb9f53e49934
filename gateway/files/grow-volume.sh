#!/bin/bash
# grow-volume.sh: lets the file system of the state's volume fill the volume, which has the size that /etc/hermes/volume
# says (GiB). Online: nothing is unmounted. Safe to kill and to repeat.
# Exit status: 0 done (or was), 1 not, reason on stderr.
set -euo pipefail

readonly WANTED=/etc/hermes/volume MOUNT=/srv/hermes RESERVE=/usr/local/lib/hermes/reserve-space.sh TRIES=30

main() {
  local gib device said left=$TRIES
  read -r gib <"$WANTED"
  device=$(findmnt --noheadings --output SOURCE --mountpoint "$MOUNT") || fail "no volume is mounted on $MOUNT"
  # The kernel hears of the new size a moment after the API has said that it is done.
  until [ "$(blockdev --getsize64 "$device")" -ge $((gib << 30)) ]; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "$device still has $(blockdev --getsize64 "$device") bytes, not $gib GiB"
    sleep 1
  done
  said=$(resize2fs "$device" 2>&1) || fail "$(refused "$device" "$gib" "$said")"
  # It grew with the file system, beyond its largest size.
  [ ! -x "$RESERVE" ] || "$RESERVE"
}

# What hermes-apply passes on is 500 characters: docs/faults.md has the rest.
refused() {
  printf 'the file system on %s could not grow to %s GiB: %s. ' "$1" "$2" "$(tail -n 1 <<<"$3" | cut -c 1-120)"
  printf 'Nothing is lost: it keeps its size. First: ./hermes backup. Then: ./hermes ssh systemctl reboot; it grows at boot; '
  printf 'pulumi up. If it is refused again, it needs a check (e2fsck -f) on another droplet: docs/faults.md.'
}

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

main
