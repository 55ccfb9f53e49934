#!/bin/bash
# empty-caches.sh: makes and empties the folders of the gateway's home in which npx, uvx and the like keep what they can fetch
# again. The gateway's unit shows it other folders in their place, on the root disk; what is still here is from before that, and
# would be on the volume and in every backup. hermes-apply runs it in the gateway's account when it starts the gateway:
# systemd would make the folders as root's.
# Exit status: 0 done, 1 not, reason on stderr.
set -euo pipefail

# The same in openclaw-gateway.service and gateway/apply/places.ts.
readonly FOLDERS=(/var/lib/openclaw/.npm /var/lib/openclaw/.cache)

mkdir -p "${FOLDERS[@]}"
find "${FOLDERS[@]}" -mindepth 1 -delete
