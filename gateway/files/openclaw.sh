#!/bin/bash
# openclaw COMMAND…: in root's PATH before OpenClaw's own program. Root's command would look for a state in /root, and say
# that there is no gateway; so it runs in the gateway's account, with its state and its configuration.
# Exit status: OpenClaw's, or 1 for a command that would change what hermes manages.
set -euo pipefail

[ "$(id -u)" = 0 ] || exec /usr/local/bin/openclaw "$@"
exec /usr/local/sbin/hermes-apply openclaw "$@"
