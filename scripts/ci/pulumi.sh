#!/bin/bash
# Has `pulumi` on the PATH of this and the following steps of a job; one that is there already is taken.
# PULUMI_SHA256 (a variable of the repository) pins the archive. Exits with 1 when it is not set or does not match.
set -euo pipefail

readonly VERSION=3.259.0

install_pulumi() {
  local folder="${RUNNER_TEMP:?runs in a job}/pulumi"
  local archive="$folder.tar.gz" digest
  curl --fail --silent --show-error --location --retry 3 --output "$archive" \
    "https://github.com/pulumi/pulumi/releases/download/v$VERSION/pulumi-v$VERSION-linux-x64.tar.gz"
  digest=$(sha256sum "$archive" | cut -d ' ' -f 1)
  if [ -z "${PULUMI_SHA256:-}" ]; then
    echo "PULUMI_SHA256 is not set, so pulumi $VERSION was not installed. The downloaded archive has SHA-256 $digest." >&2
    echo "  Compare it with the checksums of the release, then set the repository variable PULUMI_SHA256 to it." >&2
    exit 1
  fi
  if [ "$digest" != "$PULUMI_SHA256" ]; then
    echo "pulumi $VERSION was not installed: its archive has SHA-256 $digest, but PULUMI_SHA256 is $PULUMI_SHA256." >&2
    exit 1
  fi
  # The archive has one folder, pulumi/, with the programs in it.
  tar --extract --gzip --file "$archive" --directory "$RUNNER_TEMP"
  rm "$archive"
  echo "$folder" >>"${GITHUB_PATH:?runs in a job}"
}

main() {
  if command -v pulumi >/dev/null; then
    echo "pulumi $(PULUMI_SKIP_UPDATE_CHECK=true pulumi version) is there" >&2
    return
  fi
  install_pulumi
}

main "$@"
