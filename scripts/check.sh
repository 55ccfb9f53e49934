#!/bin/bash
# npm run check: what has to be clean before every commit.
set -euo pipefail

# shellcheck source=scripts/prepare.sh
. "$(dirname "$0")/prepare.sh"
npx tsc -p .
npx tsc -p gateway/apply
npx eslint .
npx prettier --check --log-level warn .
if command -v shellcheck >/dev/null && command -v shfmt >/dev/null; then
  scripts=$(git ls-files '*.sh' .ci/run)
  # shellcheck disable=SC2086 # one word per file
  shellcheck -x $scripts
  # shellcheck disable=SC2086
  shfmt -i 2 -ci -d $scripts
else
  echo "shellcheck or shfmt is missing: scripts were not checked" >&2
fi
npx jest --selectProjects unit --silent --maxWorkers 100%
