#!/bin/bash
# npm start: the embedded cloud, `pulumi up` on stack hermes, a summary.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
exec node cli/hermes.js local up "$@"
