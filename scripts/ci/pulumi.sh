#!/bin/bash
# Has `pulumi` on the PATH of this and the following steps of a job; one that is there already is taken.
# PULUMI_SHA256 (a variable of the repository) pins the archive. Ends with 0, or 1 when it is another one.
set -euo pipefail

readonly VERSION=3.259.0

install_pulumi() {
  local folder="${RUNNER_TEMP:?runs in a job}/pulumi"
  local archive="$folder.tar.gz" digest
  curl --fail --silent --show-error --location --retry 3 --output "$archive" \
    "https://github.com/pulumi/pulumi/releases/download/v$VERSION/pulumi-v$VERSION-linux-x64.tar.gz"
  digest=$(sha256sum "$archive" | cut -d ' ' -f 1)
  if [ -z "${PULUMI_SHA256:-}" ]; then
    echo "pulumi $VERSION has SHA-256 $digest; pin it: variable PULUMI_SHA256 of this repository" >&2
  elif [ "$digest" != "$PULUMI_SHA256" ]; then
    echo "pulumi $VERSION has SHA-256 $digest, and PULUMI_SHA256 says $PULUMI_SHA256: not installed" >&2
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
