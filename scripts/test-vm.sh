#!/bin/bash
# npm run test:vm: proves in a virtual machine that the units' memory limits do what the planner says. Not in npm test.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
node -r ./scripts/typescript.js tests/prepare.ts vm
exec node node_modules/jest/bin/jest.js --selectProjects vm --runInBand "$@"
