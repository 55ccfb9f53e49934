#!/bin/bash
# guard-files.sh: stops the agents' unit when fewer than a fifth of the files that the state's file system can have are left,
# so that the gateway can go on creating files. ext4 keeps blocks for an account (reserve-space.sh), but not files.
# Looks every second: an agent creates some ten thousand files in that time, and a volume of 10 GiB has 655,360.
# Runs until it is stopped.
set -euo pipefail

readonly PLACE=/var/lib/openclaw UNIT=hermes-agent.service LEAST_PERCENT=20

main() {
  while :; do
    ! is_short || ! systemctl --quiet is-active "$UNIT" || stop
    sleep 1
  done
}

is_short() {
  local all free
  read -r all free < <(stat --file-system --format '%c %d' "$PLACE")
  [ $((free * 100)) -lt $((all * LEAST_PERCENT)) ]
}

# Without the seconds that a process has for ending itself. Whether systemd sees the signal or the end first, the unit is
# inactive afterwards, not failed.
stop() {
  echo "fewer than $LEAST_PERCENT % of the files on $PLACE are left: $UNIT is stopped" >&2
  systemctl stop --no-block "$UNIT"
  systemctl kill --signal=KILL "$UNIT" || true
  systemctl stop "$UNIT"
  systemctl reset-failed "$UNIT" || true
}

main
