#!/bin/bash
# Whether the disk of the working directory takes anything: exit status 0 if it does, 1 if it is full, read-only or gone.
set -euo pipefail

# Bytes. The same as SPARE_BYTES in gateway/apply/tree.ts.
readonly ROOM=$((16 << 20)) EXT4_OWN=$((4096 * 4096))

main() {
  local free size probe room=$ROOM format='%a %S'
  # Of the blocks that are kept for this group, too (reserve-space.sh), but not of ext4's own, which are counted there.
  if [[ ",$(findmnt --noheadings --output OPTIONS --target .)," = *,resgid="$(id -g)",* ]]; then
    format='%f %S' room=$((ROOM + EXT4_OWN))
  fi
  read -r free size < <(stat --file-system --format "$format" .)
  [ $((free * size)) -ge "$room" ] || return 1
  # By writing: after an error of the disk it is mounted as "rw" all the same.
  probe=$(mktemp .probe.XXXXXX 2>/dev/null) && rm "$probe"
}

main
