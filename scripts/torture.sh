#!/bin/bash
# npm run torture: every failure of a call that `up` and `destroy` make, each followed by what a person would do.
# `npm run torture -- --help` tells the options. Interrupted, it goes on where it was. Exit: 0 all converged, 3 not.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
node -r ./scripts/typescript.js tests/prepare.ts torture
exec node -r ./scripts/typescript.js tests/torture/run.ts "$@"
