#!/bin/bash
# npm run test:ollama: the real Ollama, built from its Go modules, with small real weights. Ends with one JSON line of
# what was measured on standard output; jest's words go to standard error.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
node -r ./scripts/typescript.js tests/prepare.ts ollama
exec node node_modules/jest/bin/jest.js --selectProjects ollama --runInBand "$@"
