#!/bin/bash
# tailnet.sh join|leave|token: a job's way into the tailnet, and out of it. A runner that is on the tailnet stays as it is.
#
#   join    as an ephemeral node with TAILSCALE_TAG (tag:ci), by workload identity (TAILSCALE_IDENTITY_CLIENT and
#           TAILSCALE_AUDIENCE; GitHub only) or by an OAuth client's secret (TAILSCALE_JOIN_SECRET)
#   leave   logs out, which removes the node at once; only a node that join made
#   token   by workload identity: an API token of an hour for the following steps, as TAILSCALE_API_KEY
#
# Ends with 0, 1 when something is missing, 2 on wrong usage.
set -euo pipefail

# Tailscale's signing key, as in Pulumi.hermes.yaml.
readonly FINGERPRINT=2596A99EAAB33821893C0A79458CA832957F5868
readonly SOURCE=https://pkgs.tailscale.com/stable

say() { echo "$*" >&2; }

# With what a job proves its identity by.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo --preserve-env=ACTIONS_ID_TOKEN_REQUEST_URL,ACTIONS_ID_TOKEN_REQUEST_TOKEN "$@"
  fi
}

on_tailnet() { command -v tailscale >/dev/null && tailscale status >/dev/null 2>&1; }

marker() { echo "${RUNNER_TEMP:?runs in a job}/joined-tailnet"; }

# apt trusts every key of a keyring, so one that was added to the right one would do as well.
has_only_our_key() {
  local primary
  primary=$(gpg --show-keys --with-colons "$1" | awk -F: '$1 == "pub" { wanted = 1 } $1 == "fpr" && wanted { print $10; wanted = 0 }')
  [ "$primary" = "$FINGERPRINT" ]
}

install_tailscale() {
  command -v tailscale >/dev/null && return
  local id codename keyring=/usr/share/keyrings/tailscale-archive-keyring.gpg fresh
  # shellcheck source=/dev/null
  id=$(. /etc/os-release && echo "$ID")
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  fresh=$(mktemp)
  curl --fail --silent --show-error --retry 3 --output "$fresh" "$SOURCE/$id/$codename.noarmor.gpg"
  if ! has_only_our_key "$fresh"; then
    say "Tailscale was not installed: the keyring of $SOURCE must hold the key $FINGERPRINT and no other."
    exit 1
  fi
  as_root install -m 0644 "$fresh" "$keyring"
  rm "$fresh"
  echo "deb [signed-by=$keyring] $SOURCE/$id $codename main" | as_root tee /etc/apt/sources.list.d/tailscale.list >/dev/null
  as_root apt-get -qq update
  as_root apt-get -qq install -y tailscale
}

join() {
  if on_tailnet; then
    say "this runner is on the tailnet"
    return
  fi
  local tag="${TAILSCALE_TAG:-tag:ci}" key
  local options=(--advertise-tags="$tag" --hostname="ci-${GITHUB_RUN_ID:?runs in a job}" --accept-dns=false --timeout=60s)
  if [ -n "${TAILSCALE_IDENTITY_CLIENT:-}" ]; then
    install_tailscale
    # Neither is secret: the proof comes from the job's own environment.
    as_root tailscale up "${options[@]}" \
      --client-id="$TAILSCALE_IDENTITY_CLIENT?ephemeral=true&preauthorized=true" --audience="${TAILSCALE_AUDIENCE:?is missing}"
  elif [ -n "${TAILSCALE_JOIN_SECRET:-}" ]; then
    install_tailscale
    key=$(mktemp)
    printf '%s?ephemeral=true&preauthorized=true' "$TAILSCALE_JOIN_SECRET" >"$key"
    as_root tailscale up "${options[@]}" --auth-key="file:$key"
    rm "$key"
  else
    say "this runner is not on the tailnet, and neither TAILSCALE_IDENTITY_CLIENT nor TAILSCALE_JOIN_SECRET is set (docs/forge.md)"
    exit 1
  fi
  touch "$(marker)"
}

leave() {
  [ -e "$(marker)" ] || return 0
  as_root tailscale logout
  rm "$(marker)"
}

# What `tailscale up --client-id` does, for the steps that use the API.
token() {
  if [ -z "${TAILSCALE_IDENTITY_CLIENT:-}" ]; then
    say "no workload identity (TAILSCALE_IDENTITY_CLIENT): the steps use an OAuth client"
    return
  fi
  local proof access
  proof=$(mktemp)
  curl --fail --silent --show-error --retry 3 --header @- \
    "${ACTIONS_ID_TOKEN_REQUEST_URL:?the job needs permissions: id-token: write}&audience=${TAILSCALE_AUDIENCE:?is missing}" \
    <<<"Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" | node -p 'JSON.parse(fs.readFileSync(0, "utf8")).value' >"$proof"
  # The line end that node added is not part of it.
  access=$(
    curl --fail --silent --show-error --retry 3 --data grant_type=authorization_code --data code= \
      --data-urlencode "client_id=$TAILSCALE_IDENTITY_CLIENT" --data-urlencode "jwt@"<(tr -d '\n' <"$proof") \
      "${TAILSCALE_BASE_URL:-https://api.tailscale.com}/api/v2/oauth/token-exchange" |
      node -p 'JSON.parse(fs.readFileSync(0, "utf8")).access_token'
  )
  rm "$proof"
  echo "::add-mask::$access"
  echo "TAILSCALE_API_KEY=$access" >>"${GITHUB_ENV:?runs in a job}"
}

main() {
  case "${1:-}" in
    join | leave | token) "$1" ;;
    *)
      say "usage: tailnet.sh join|leave|token"
      exit 2
      ;;
  esac
}

main "$@"
