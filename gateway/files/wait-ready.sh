#!/bin/bash
# Waits until the gateway says that it is ready. An unknown path answers 200 with a page, so the body counts.
# Exit status: 0 ready, 1 its process ended.
set -euo pipefail

# Until systemd has given the process its account, this one may not see it.
readonly UNSEEN_TRIES=20

main() {
  local left=$UNSEEN_TRIES
  until curl --silent --max-time 5 http://127.0.0.1:18789/readyz | grep -q '"ready":true'; do
    if [ -d "/proc/$MAINPID" ]; then
      left=0
    elif [ "$left" -le 0 ]; then
      echo "the gateway ended before it was ready" >&2
      exit 1
    else
      left=$((left - 1))
    fi
    sleep 0.5
  done
}

main
