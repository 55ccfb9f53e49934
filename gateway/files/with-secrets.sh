#!/bin/bash
# with-secrets.sh VARIABLE=FILE… -- COMMAND…: runs the command with secrets from files, so that they stand neither in
# openclaw.json nor in any process's arguments.
# Exit status: the command's, 1 when a file cannot be read, 2 usage.
set -euo pipefail

main() {
  local value
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    value=$(<"${1#*=}")
    export "${1%%=*}=$value"
    shift
  done
  [ $# -gt 1 ] || { echo "usage: with-secrets.sh VARIABLE=FILE… -- COMMAND…" >&2 && exit 2; }
  shift
  exec "$@"
}

main "$@"
