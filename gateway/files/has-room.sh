#!/bin/bash
# Whether the disk of the working directory takes anything: exit status 0 if it does, 1 if it is full, read-only or gone.
set -euo pipefail

# Bytes. The same as SPARE_BYTES in gateway/apply/tree.ts.
readonly ROOM=$((16 << 20))

main() {
  local probe
  [ "$(df --output=avail --block-size=1 . | tail -n 1)" -ge "$ROOM" ] || return 1
  # By writing: after an error of the disk it is mounted as "rw" all the same.
  probe=$(mktemp .probe.XXXXXX 2>/dev/null) && rm "$probe"
}

main
