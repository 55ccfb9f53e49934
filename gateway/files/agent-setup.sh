#!/bin/bash
# agent-setup.sh up|down: makes the keys between the gateway and the agents' account, and shows that account its
# workspaces.
# Exit status: 0 done, 1 failed, reason on stderr, 2 usage.
set -euo pipefail

readonly KEYS=/etc/openclaw/agent-ssh ETC=/etc/hermes-agent ROOT=/run/hermes-agent

main() {
  case ${1-} in
    up)
      make_keys
      show_workspaces
      ;;
    down) hide_workspaces ;;
    *)
      echo "usage: agent-setup.sh up|down" >&2
      exit 2
      ;;
  esac
}

# Both ends are this machine: keys are made here, and never leave it.
make_keys() {
  install -d -m 0755 "$ETC"
  install -d -m 0750 -o root -g openclaw "$KEYS"
  [ -s "$KEYS/known_hosts" ] && return
  rm -f "$ETC"/host_ed25519* "$KEYS"/id_ed25519*
  ssh-keygen -q -t ed25519 -N '' -C hermes-agent-host -f "$ETC/host_ed25519"
  ssh-keygen -q -t ed25519 -N '' -C hermes-gateway -f "$KEYS/id_ed25519"
  chown agent:agent "$ETC/host_ed25519"
  chown openclaw:openclaw "$KEYS/id_ed25519"
  chmod 0400 "$ETC/host_ed25519" "$KEYS/id_ed25519"
  install -m 0644 "$KEYS/id_ed25519.pub" "$ETC/authorized_keys"
  # Written last: without it everything is made again.
  printf '[127.0.0.1]:2222 %s\n' "$(cut -d' ' -f1,2 "$ETC/host_ed25519.pub")" >"$KEYS/known_hosts.new"
  chmod 0644 "$KEYS/known_hosts.new"
  mv "$KEYS/known_hosts.new" "$KEYS/known_hosts"
}

show_workspaces() {
  hide_workspaces
  install -d -m 0755 "$ROOT"
  /usr/local/bin/node /usr/local/lib/hermes/show-workspaces.mjs
}

hide_workspaces() {
  local at
  for at in "$ROOT"/*/workspace; do
    while mountpoint -q "$at"; do umount -l "$at"; done
  done
  rm -rf --one-file-system "$ROOT"/openclaw-ssh-workspace-*
}

main "$@"
