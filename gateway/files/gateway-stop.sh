#!/bin/bash
# Runs as root before the gateway is asked to stop: one whose disk takes nothing is ended at once. It could save nothing, and
# would try to for the unit's whole time to stop; by then a droplet that reboots has no SSH any more.
set -euo pipefail

readonly PATIENCE_SECONDS=10

main() {
  [ -n "${MAINPID-}" ] || return 0
  ! has_room || return 0
  echo "the disk of $PWD is full, read-only or gone: the gateway is ended without saving" >&2
  kill -KILL "$MAINPID"
}

# In the gateway's account, whose folder this is. On a disk that hangs the look does not come back, nor can it be ended.
has_room() {
  setpriv --reuid=openclaw --regid=openclaw --clear-groups /usr/local/lib/hermes/has-room.sh &
  local look=$! tenth
  for ((tenth = 0; tenth < PATIENCE_SECONDS * 10; tenth++)); do
    kill -0 "$look" 2>/dev/null || break
    sleep 0.1
  done
  ! kill -0 "$look" 2>/dev/null && wait "$look"
}

main
