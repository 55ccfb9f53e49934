#!/bin/sh
# npm start: the embedded cloud, `pulumi up` on stack hermes, a summary.
set -eu

. "$(dirname "$0")/prepare.sh"
exec node cli/hermes.js local up "$@"
