#!/bin/bash
# swap.sh: makes the swap file as large as /etc/hermes/swap says (GiB; 0: none). The new file is in use before the old
# one is let go, so what is swapped out has a place to go to. Safe to kill and to repeat.
# Exit status: 0 done (or was), 1 not, reason on stderr.
set -euo pipefail

export LC_ALL=C
readonly WANTED=/etc/hermes/swap FSTAB=/etc/fstab
# cloud-init makes the first one. Two names, because a file that is in use can be neither renamed nor resized.
readonly FILES=(/swapfile /swapfile.2)
# Left free on the disk while both are there.
readonly LEFT_MIB=1024

main() {
  local gib keep="" file
  read -r gib <"$WANTED"
  if [ "$gib" -gt 0 ]; then
    for file in "${FILES[@]}"; do
      if [ -z "$keep" ] && is_right "$file" "$gib" && is_on "$file"; then keep=$file; fi
    done
    [ -n "$keep" ] || make "$gib"
  fi
  remember "$keep"
  for file in "${FILES[@]}"; do
    [ "$file" = "$keep" ] || drop "$file"
  done
}

is_right() { [ -f "$1" ] && [ "$(stat -c %s "$1")" -eq "$(($2 << 30))" ]; }

# Asked by switching it on: /proc/swaps may name another machine's file of that name in a container.
is_on() {
  local said
  said=$(swapon "$1" 2>&1) || [[ $said == *[Bb]usy* ]]
}

make() {
  local free
  keep=${FILES[0]}
  [ ! -e "$keep" ] || keep=${FILES[1]}
  drop "$keep"
  free=$(($(df --output=avail -B1M / | tail -n 1)))
  [ "$free" -ge $(($1 * 1024 + LEFT_MIB)) ] ||
    fail "a swap file of $1 GiB needs $(($1 * 1024 + LEFT_MIB)) MiB of disk beside the old one, and $free MiB are free"
  (umask 077 && fallocate -l "$1GiB" "$keep")
  mkswap "$keep" >/dev/null
  swapon "$keep" || { rm -f "$keep" && fail "the new swap file could not be switched on"; }
}

# What comes on at boot.
remember() {
  awk -v keep="$1" -v files="${FILES[*]}" '
    BEGIN { split(files, each, " "); for (i in each) ours[each[i]] = 1 }
    !($1 in ours) { print }
    END { if (keep != "") print keep " none swap sw 0 0" }' "$FSTAB" >"$FSTAB.hermes"
  chmod --reference="$FSTAB" "$FSTAB.hermes"
  if cmp -s "$FSTAB.hermes" "$FSTAB"; then rm "$FSTAB.hermes"; else mv "$FSTAB.hermes" "$FSTAB"; fi
}

# The kernel refuses to remove a file that it swaps to, whatever it thought of swapoff.
drop() {
  local said
  [ -e "$1" ] || return 0
  said=$(swapoff "$1" 2>&1) || true
  rm -f "$1" || fail "swap file $1 is in use and could not be let go: $said"
}

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

main
