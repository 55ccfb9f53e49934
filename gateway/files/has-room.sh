#!/bin/bash
# Whether the disk of the working directory takes anything: exit status 0 if it does, 1 if it is full, read-only or gone.
set -euo pipefail

# Bytes. The same as SPARE_BYTES in gateway/apply/tree.ts.
readonly ROOM=$((16 << 20))

main() {
  local free size probe format='%a %S'
  # Of the blocks that are kept for this account, too; see reserve-space.sh.
  [[ ",$(findmnt --noheadings --output OPTIONS --target .)," != *,resuid="$(id -u)",* ]] || format='%f %S'
  read -r free size < <(stat --file-system --format "$format" .)
  [ $((free * size)) -ge "$ROOM" ] || return 1
  # By writing: after an error of the disk it is mounted as "rw" all the same.
  probe=$(mktemp .probe.XXXXXX 2>/dev/null) && rm "$probe"
}

main
