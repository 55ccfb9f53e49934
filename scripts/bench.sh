#!/bin/bash
# npm run bench [-- start|memory|upgrade|recreate|edit|image|sandbox [OPTIONS]]: where the time of npm start goes, beside the bare costs
# (start, the default), what the droplet needs of its memory, or how long an upgrade, a droplet's replacement or a sandbox takes.
# Needs what npm start needs.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
bench=start
case ${1-} in
  start | memory | upgrade | recreate | edit | image | sandbox)
    bench=$1
    shift
    ;;
esac
exec node -r ./scripts/typescript.js "scripts/bench/$bench.ts" "$@"
