#!/bin/bash
# Installs the packages of package-lock.json where what is installed is not that. Sourced by the others.
set -euo pipefail

cd "$(dirname "$0")/.."
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  # npm would empty the folder behind the link, which is somebody else's.
  if [ -L node_modules ]; then
    echo "node_modules is a link to $(readlink node_modules), which has not what package-lock.json says: run npm ci there" >&2
    exit 1
  fi
  if [ -e node_modules ] && [ ! -w node_modules ]; then
    echo "node_modules does not have what package-lock.json lists, and you cannot write to it: run npm ci as its owner" >&2
    exit 1
  fi
  echo "installing npm packages …" >&2
  npm ci --loglevel=error >&2
  cp package-lock.json node_modules/.installed-lock.json
fi
