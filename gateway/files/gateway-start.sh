#!/bin/bash
# Starts the gateway. /etc/openclaw/environment ("VARIABLE NAME" per line) says which secrets go there by environment:
# those for headers of MCP servers. The agents' commands run in another account and see none of it.
set -euo pipefail

main() {
  local variable name value
  wait_for_room
  while read -r variable name; do
    value=$(<"/etc/openclaw/secrets/$name")
    export "$variable=$value"
  done </etc/openclaw/environment
  exec /usr/local/bin/node "--max-old-space-size=${HERMES_HEAP_MIB:-1024}" \
    /opt/openclaw/current/lib/node_modules/openclaw/dist/index.js gateway --port 18789
}

# On a disk that takes nothing OpenClaw ends with 78, which no restart follows: it would stay down with room made.
wait_for_room() {
  has_room || echo "the disk of $PWD is full or read-only: the gateway starts when it takes something again" >&2
  until has_room; do sleep 2; done
}

has_room() { /usr/local/lib/hermes/has-room.sh; }

main
