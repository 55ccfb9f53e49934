#!/bin/bash
# Waits until the gateway says that it is ready. An unknown path answers 200 with a page, so the body counts.
# Exit status: 0 ready, 1 its process ended.
set -euo pipefail

main() {
  until curl --silent --max-time 5 http://127.0.0.1:18789/readyz | grep -q '"ready":true'; do
    [ -d "/proc/$MAINPID" ] || { echo "the gateway ended before it was ready" >&2 && exit 1; }
    sleep 0.5
  done
}

main
