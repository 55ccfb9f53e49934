#!/bin/bash
# npm run test:forge: a real Gitea and its runner, both built from their Go modules, review and deploy this repository on
# the emulated cloud. Not in npm test: the first build takes minutes.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
node -r ./scripts/typescript.js tests/prepare.ts forge
exec node node_modules/jest/bin/jest.js --selectProjects forge --runInBand "$@"
