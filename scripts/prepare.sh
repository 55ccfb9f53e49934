#!/bin/bash
# Installs the packages of package-lock.json where what is installed is not that. Sourced by the others.
set -euo pipefail

cd "$(dirname "$0")/.."
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  echo "installing npm packages …" >&2
  npm ci --loglevel=error >&2
  cp package-lock.json node_modules/.installed-lock.json
fi
