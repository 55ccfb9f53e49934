#!/bin/bash
# npm run bench: where the time of npm start goes, beside the bare costs, in one run. Needs what npm start needs.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
exec node -r ts-node/register/transpile-only bench/start.ts "$@"
