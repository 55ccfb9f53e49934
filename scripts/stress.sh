#!/bin/bash
# npm run stress -- FILE [--times N] [--load N] [--bail]: runs a test file many times on a busy machine.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
exec node scripts/stress.js "$@"
