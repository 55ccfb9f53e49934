#!/bin/bash
# npm run test:release [-- --again]: every suite of tests, for hours; a second call goes on where the first one stopped.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
exec node scripts/release-tests.js "$@"
