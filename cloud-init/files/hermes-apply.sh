#!/bin/bash
# hermes-apply VERB…: waits until the droplet is far enough, then hands over to the hermes-apply of the newest bundle.
# Exit status: that one's, or 1 with {"ok":false,"error":…} on stdout when the bootstrap did not get there.
set -euo pipefail

readonly STATE=/var/lib/hermes/bootstrap.json PROGRAM=/opt/hermes/apply/current/main.ts

main() {
  case ${1-} in
    stage) wait_until 900 node_ready ;;
    activate) wait_until 1200 bootstrap_done ;;
    *) node_ready || refuse "Node is not installed yet" ;;
  esac
  export NODE_USE_SYSTEM_CA=1
  [ "$*" != "stage program" ] || exec /usr/local/bin/node /usr/local/lib/hermes/receive.mjs
  [ -e "$PROGRAM" ] || refuse "no program was staged yet"
  exec /usr/local/bin/node "$PROGRAM" "$@"
}

node_ready() { [ -x /usr/local/bin/node ]; }
bootstrap_done() { [ "$(field status)" = "done" ]; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$STATE" 2>/dev/null || true; }

wait_until() {
  local end=$((SECONDS + $1))
  until "$2"; do
    [ "$(field status)" != failed ] || fail "bootstrap failed at $(field step): $(field error)"
    [ "$SECONDS" -lt "$end" ] || fail "bootstrap still at $(field step) after $1 s"
    sleep 1
  done
}

# The next `up` finds a new attempt under way, whatever pause the unit had come to.
fail() {
  tail -n 20 /var/log/hermes-bootstrap.log >&2 || cloud-init status --long >&2 || true
  systemctl restart --no-block hermes-bootstrap.service || true
  refuse "$1"
}

refuse() {
  echo "$1" >&2
  printf '{"ok":false,"error":"%s"}\n' "$1"
  exit 1
}

main "$@"
