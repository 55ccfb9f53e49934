#!/bin/bash
# npm test [unit|engine|droplet]: everything that proves it, or one kind. Ends with a line "N passed, N failed".
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
exec node scripts/run-tests.js "$@"
