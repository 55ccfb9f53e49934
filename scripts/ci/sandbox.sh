#!/bin/bash
# sandbox.sh: what a run of the workflow "sandbox" does. DEED is the event's action, NUMBER the pull request's, LABELLED
# whether it is open and has the label ("true"), STACK the stack (hermes). A closed one, or one without the label, has its
# sandbox removed; one with it gets one, unless it is up. Without DEED what is over is swept.
# Exit: as hermes'.
set -euo pipefail

hermes() { ./hermes sandbox "$@" --from "${STACK:-hermes}"; }

make() {
  # A grep that has seen enough would end show: this one reads on.
  if hermes show "$1" --json 2>/dev/null | grep '"droplet":"active","state":"made"' >/dev/null; then
    echo "$1 is there" >&2
    return
  fi
  # What an earlier run began and did not end is in the way.
  hermes destroy "$1"
  hermes create "$1" --ttl "${TTL:-2d}" --idle "${IDLE:-4h}" --comment
}

main() {
  if [ -z "${DEED:-}" ]; then
    hermes sweep --yes
  elif [ "$DEED" != closed ] && [ "${LABELLED:-}" = true ]; then
    make "pr-${NUMBER:?is missing}"
  else
    hermes destroy "pr-${NUMBER:?is missing}" --comment
  fi
}

main
