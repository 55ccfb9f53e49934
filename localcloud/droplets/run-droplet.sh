#!/usr/bin/env bash
# Runs one droplet's container until it is off, and starts it again when it reboots. Lives on when the lab's daemon
# ends, so that a new daemon finds its droplets running.
#
#   run-droplet.sh DIRECTORY LINK BRIDGE
#
# DIRECTORY/cgroups    cgroup directories to be in, one a line
# DIRECTORY/arguments  arguments of systemd-nspawn, one a line; read anew at each start
# DIRECTORY/state      written here: "starting BOOT", "running BOOT", "off STATUS"
#
# Exits 0 when the droplet powered itself off, else as systemd-nspawn did. SIGTERM pulls the plug.
set -euo pipefail

readonly directory=$1 link=$2 bridge=$3
# What systemd-nspawn says with when the system inside asked for a reboot.
readonly reboot_status=133

say() {
  printf '%s\n' "$*" >"$directory/state.new"
  mv "$directory/state.new" "$directory/state"
}

join_cgroups() {
  local group
  while read -r group; do
    echo $$ >"$group/cgroup.procs"
  done <"$directory/cgroups"
}

# The kernel keeps a container's swap on when the container is gone.
release_swap() {
  local file rest
  while read -r file rest; do
    if [[ -f $directory/root$file ]]; then
      swapoff "$directory/root$file" 2>/dev/null || true
    fi
  done < <(tail -n +2 /proc/swaps)
  # Bound over the droplet's /proc/swaps: a new boot must not believe that its swap is on already.
  head -n 1 /proc/swaps >"$directory/swaps"
}

# systemd-nspawn makes the link while it starts, so it can only be plugged in from beside it.
plug_in() {
  local boot=$1 tries
  for ((tries = 0; tries < 500; tries++)); do
    if ip link set dev "$link" master "$bridge" up 2>/dev/null; then
      bridge link set dev "$link" isolated on
      say "running $boot"
      return
    fi
    sleep 0.02
  done
  echo "the droplet's network link $link never appeared" >&2
}

main() {
  local boot=0 status plugging nspawn
  local -a arguments
  join_cgroups
  trap '[[ -z ${nspawn:-} ]] || kill -KILL "$nspawn"' TERM
  while :; do
    boot=$((boot + 1))
    say "starting $boot"
    ip link delete dev "$link" 2>/dev/null || true
    mapfile -t arguments <"$directory/arguments"
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_LOCK=0 systemd-nspawn "${arguments[@]}" &
    nspawn=$!
    plug_in "$boot" &
    plugging=$!
    status=0
    wait "$nspawn" || status=$?
    # A trapped signal ends the wait early; the container's own status comes with the next one.
    while kill -0 "$nspawn" 2>/dev/null; do
      status=0
      wait "$nspawn" || status=$?
    done
    kill "$plugging" 2>/dev/null || true
    wait "$plugging" 2>/dev/null || true
    release_swap
    if ((status != reboot_status)); then
      say "off $status"
      exit "$status"
    fi
  done
}

main
