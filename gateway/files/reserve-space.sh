#!/bin/bash
# reserve-space.sh: keeps a tenth of the state's volume (256 MiB to 4 GiB) for root and the gateway's group, so that an
# agent that fills its workspace does not stop the gateway. By ext4's reserved blocks, which count by the account that
# writes, whoever owns the file. Without a volume there is nothing to do: the root disk's reserve is root's.
# Online: nothing is unmounted. Safe to kill and to repeat.
# Exit status: 0 done (or was), 1 not, reason on stderr.
set -euo pipefail

readonly MOUNT=/srv/hermes GROUP=openclaw LEAST_MIB=256 MOST_MIB=4096

main() {
  local device total size mib gid
  device=$(findmnt --noheadings --output SOURCE --mountpoint "$MOUNT") || return 0
  read -r total size < <(stat --file-system --format '%b %S' "$MOUNT")
  mib=$((total * size / 10 >> 20))
  [ "$mib" -ge "$LEAST_MIB" ] || mib=$LEAST_MIB
  [ "$mib" -le "$MOST_MIB" ] || mib=$MOST_MIB
  tune2fs -r $(((mib << 20) / size)) -g "$GROUP" "$device" >/dev/null
  # The kernel read the group's number when it mounted. The account stays root: a root without CAP_SYS_RESOURCE, as in a
  # container, would be shut out with another one.
  IFS=: read -r _ _ gid _ < <(getent group "$GROUP")
  mount --options "remount,resgid=$gid" "$MOUNT"
}

main
