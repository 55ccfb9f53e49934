#!/bin/bash
# Installs the packages of package-lock.json where they are missing or older than the lock. Sourced by the others.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "installing npm packages …" >&2
  npm ci --loglevel=error >&2
  touch node_modules/.package-lock.json
fi
