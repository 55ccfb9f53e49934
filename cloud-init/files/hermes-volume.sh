#!/bin/bash
# Brings state to its place, at every boot: the volume (where one is expected) to /srv/hermes, and from there the
# directories of OpenClaw and tailscaled. Looks for the label itself, udev's links are not everywhere.
# A droplet that has been up before waits for its volume without end: one that is attached again is then taken by
# itself, while nobody can get in, since the node's identity is on it.
# Exit status: 0 all in place, 1 no volume (after 90 s, at birth), or more than one.
set -euo pipefail

readonly MOUNT=/srv/hermes BOOTSTRAP=/var/lib/hermes/bootstrap.json

main() {
  install -d "$MOUNT"
  [ ! -e /etc/hermes/volume ] || mountpoint -q "$MOUNT" || mount_volume
  [ -d "$MOUNT/openclaw" ] || install -d -m 0700 -o 2101 -g 2101 "$MOUNT/openclaw"
  install -d -m 0700 "$MOUNT/tailscale"
  bind openclaw
  bind tailscale
}

mount_volume() {
  local devices=() second=0
  while
    mapfile -t devices < <(blkid -c /dev/null -t LABEL=hermes -o device)
    [ "${#devices[@]}" -eq 0 ] && { [ "$second" -lt 90 ] || has_been_up; }
  do
    sleep 1
    second=$((second + 1))
  done
  [ "${#devices[@]}" -eq 1 ] ||
    { echo "${#devices[@]} block devices with label hermes after ${second} s, 1 is needed: is the volume attached?" >&2 && exit 1; }
  mount -o noatime,nodev,nosuid "${devices[0]}" "$MOUNT"
  # A volume that was made larger.
  resize2fs "${devices[0]}" 2>/dev/null || true
}

has_been_up() {
  grep -qs '"status":"done"' "$BOOTSTRAP"
}

bind() {
  install -d -m 0700 "/var/lib/$1"
  mountpoint -q "/var/lib/$1" || mount --bind "$MOUNT/$1" "/var/lib/$1"
}

main
