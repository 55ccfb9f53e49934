#!/bin/bash
# agent-setup.sh up|down: makes the keys between the gateway and the agents' account, and shows that account the
# workspaces listed in /etc/hermes-agent/workspaces ("FOLDER AGENT" per line).
# A workspace's files belong to the gateway's account on disk; the mount shows them as the agents' own (and writes
# theirs as the gateway's), so both read and write the same files, whatever their mode, and backups see one owner.
# Exit status: 0 done, 1 failed, reason on stderr, 2 usage.
set -euo pipefail

readonly KEYS=/etc/openclaw/agent-ssh ETC=/etc/hermes-agent ROOT=/run/hermes-agent
readonly WORKSPACES=/var/lib/openclaw/workspaces

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
  local gateway agent folder name
  gateway=$(id -u openclaw)
  agent=$(id -u agent)
  hide_workspaces
  install -d -m 0755 "$ROOT"
  while read -r folder name; do
    [ -n "$name" ] || continue
    install -d -m 0700 -o openclaw -g openclaw "$WORKSPACES" "$WORKSPACES/$name"
    install -d -m 0755 "$ROOT/$folder"
    install -d -m 0700 "$ROOT/$folder/workspace"
    mount --bind -o "nosuid,nodev,X-mount.idmap=u:$gateway:$agent:1 g:$gateway:$agent:1" \
      "$WORKSPACES/$name" "$ROOT/$folder/workspace"
  done <"$ETC/workspaces"
}

hide_workspaces() {
  local at
  for at in "$ROOT"/*/workspace; do
    while mountpoint -q "$at"; do umount -l "$at"; done
  done
  rm -rf --one-file-system "$ROOT"/openclaw-ssh-workspace-*
}

main "$@"
