#!/bin/bash
# Takes a fresh Debian to a droplet that hermes-apply can work on. Run by hermes-bootstrap.service, which tries again
# later when this fails: every step may find its own work half or wholly done.
# Values: /etc/hermes/bootstrap.env. Progress and reason: /var/lib/hermes/bootstrap.json. Output: the log below.
# Exit status: 0 done, 1 a step failed (bootstrap.json says which and why).
set -euo pipefail

readonly LOG=/var/log/hermes-bootstrap.log STATE=/var/lib/hermes LIB=/usr/local/lib/hermes
readonly KEY_FILE=/etc/hermes/tailnet.key KEYRING=/usr/share/keyrings/hermes-tailscale.gpg
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8 HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
STEP=start
finished=

main() {
  umask 022
  install -d "$STATE"
  # Only root can enter the folder of the lock, because any account that can open a file can lock it.
  install -d -m 0700 /run/hermes
  exec 8>/run/hermes/bootstrap.lock >>"$LOG" 2>&1
  flock --wait 3600 8 || { echo "another bootstrap has been running for an hour" && return 1; }
  chmod 600 "$LOG"
  trap finish EXIT
  # shellcheck source=/dev/null
  . /etc/hermes/bootstrap.env
  step firewall close_ports
  step volume enable_now hermes-volume
  step accounts make_accounts
  step host-keys keep_host_keys
  step settings apply_settings
  step image use_image
  # Early, so that whatever fails later can be read over SSH; Node comes down meanwhile.
  local node updates
  fetch_node >"$STATE/node.log" 2>&1 &
  node=$!
  step tailscale install_tailscale
  step tailnet join_tailnet
  step node collect node "$node"
  use_node
  install_updates >"$STATE/updates.log" 2>&1 &
  updates=$!
  step openclaw install_openclaw
  step updates collect updates "$updates"
  systemctl disable -q hermes-bootstrap.service
  finished=yes
}

step() {
  STEP=$1
  shift
  printf '%(%FT%TZ)T %3d s: %s\n' -1 "$SECONDS" "$STEP"
  report running
  "$@"
}

# One JSON document, replaced in one go. $2 must be plain text already.
report() {
  printf '{"status":"%s","step":"%s","error":"%s"}\n' "$1" "$STEP" "${2-}" >"$STATE/bootstrap.json.new"
  mv "$STATE/bootstrap.json.new" "$STATE/bootstrap.json"
}

finish() {
  local status=$? reason
  trap - EXIT
  if [ -n "$finished" ]; then
    STEP=
    report "done"
    printf '%(%FT%TZ)T %3d s: done\n' -1 "$SECONDS"
    return
  fi
  reason="$(last_lines)"
  report failed "${reason:-exit status $status}"
  echo "hermes bootstrap failed at $STEP: $reason" >/dev/console || true
  exit 1
}

# The end of the log as one line that fits into a JSON string, without anything that looks like a tailnet key.
last_lines() {
  tail -n 6 "$LOG" | sed -E 's/(ts|h)s?key-[[:alnum:]_-]+/[key]/g; s/"/'"'"'/g; s/\\/\//g' |
    tr '\n\t' '; ' | tr -cd '[:print:]' | tail -c 700
}

# retry TIMES COMMAND…: waits 2, 4, 8, … seconds, at most 30, between the attempts.
retry() {
  local times=$1 pause=2
  shift
  until "$@"; do
    times=$((times - 1))
    [ "$times" -gt 0 ] || return 1
    sleep "$pause"
    pause=$((pause < 15 ? pause * 2 : 30))
  done
}

# collect NAME PID: waits for a job of the background; its output comes last, where the reason is looked for.
collect() {
  local status=0
  wait "$2" || status=$?
  cat "$STATE/$1.log"
  rm "$STATE/$1.log"
  return "$status"
}

close_ports() {
  type -P nft >/dev/null || retry 4 packages nftables
  enable_now hermes-nftables
}

# To enable a unit makes systemd read it anew.
enable_now() {
  systemctl enable -q "$1.service"
  systemctl start "$1.service" || { journalctl -o cat -n 5 -u "$1.service" && return 1; }
}

# Fixed numbers: files on the volume outlive this image.
make_accounts() {
  account openclaw 2101 /var/lib/openclaw /usr/sbin/nologin
  account agent 2102 /home/agent /bin/bash
  install -d -m 0700 -o agent -g agent /home/agent
  install -d -m 0700 -o openclaw -g openclaw /var/lib/openclaw
  install -d -m 0750 -o root -g openclaw /etc/openclaw
}

account() {
  getent group "$1" >/dev/null || groupadd -g "$2" "$1"
  id -u "$1" >/dev/null 2>&1 || useradd -M -u "$2" -g "$2" -d "$3" -s "$4" "$1"
  [ "$(id -u "$1"):$(id -g "$1")" = "$2:$2" ] || { echo "user $1 exists with another number than $2" && return 1; }
}

# The volume's, if there is one: it is the one that the stack knows. A key made by this droplet is exchanged at the first
# contact (lib/ssh/adopt.ts), also on the volume.
keep_host_keys() {
  local key=ssh_host_ed25519_key kept=/srv/hermes/ssh
  install -d -m 0700 "$kept"
  if [ -s "$kept/$key" ]; then
    install -m 0600 "$kept/$key" "/etc/ssh/$key"
    install -m 0644 "$kept/$key.pub" "/etc/ssh/$key.pub"
  else
    install -m 0644 "/etc/ssh/$key.pub" "$kept/$key.pub"
    install -m 0600 "/etc/ssh/$key" "$kept/$key"
  fi
  sync -f "$kept"
}

apply_settings() {
  # An image whose sshd_config includes no drop-ins would ignore ours.
  sshd -T | grep -x 'passwordauthentication no' >/dev/null
  systemctl reload-or-restart ssh
  systemctl try-restart systemd-journald systemd-resolved || true
  sysctl -q -p /etc/sysctl.d/90-hermes.conf || true
}

# A baked image (clean-image.sh) says what it was made with: what differs is made anew, by the steps that follow.
use_image() {
  local made=/opt/hermes-image
  [ -e "$made" ] || return 0
  grep -qxF "node $HERMES_NODE_VERSION $HERMES_NODE_SHA256" "$made" || rm -rf /opt/node
  grep -qxF "openclaw $HERMES_OPENCLAW_VERSION $HERMES_OPENCLAW_BEFORE" "$made" || rm -rf /opt/openclaw
  mv "$made" "$STATE/image"
}

apt() {
  apt-get -qq -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
    -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@"
}

# The whole at each attempt: an update that lost one list ends with 0, and a killed dpkg wants to be finished.
packages() {
  dpkg --configure -a && apt update && apt install --no-install-recommends "$@"
}

install_tailscale() {
  local key=$STATE/tailscale.key list=/etc/apt/sources.list.d/hermes-tailscale.list
  local source="deb [signed-by=$KEYRING] $HERMES_TAILSCALE_URL $HERMES_TAILSCALE_SUITE main"
  if ! { type -P tailscaled && grep -xF "$source" "$list" && check_fingerprint "$KEYRING"; }; then
    type -P gpg >/dev/null || retry 4 packages gnupg
    download "$HERMES_TAILSCALE_KEY_URL" "$key"
    [ "$(head -c 5 "$key")" != ----- ] || { gpg --batch --yes --dearmor -o "$key.bin" "$key" && mv "$key.bin" "$key"; }
    check_fingerprint "$key"
    install -m 0644 "$key" "$KEYRING"
    rm "$key"
    echo "$source" >"$list"
    retry 4 packages tailscale
  fi
  systemctl enable -q --now tailscaled
}

# Exactly one primary key, and that one: whatever else the file brought would be trusted as well.
check_fingerprint() {
  local found
  found="$(gpg --batch --show-keys --with-colons "$1" | awk -F: '$1 == "pub" { p = 1 } $1 == "fpr" && p { print $10; p = 0 }')"
  [ "$found" = "$HERMES_TAILSCALE_FINGERPRINT" ] ||
    { echo "key of $HERMES_TAILSCALE_KEY_URL is ${found:-unreadable}, not $HERMES_TAILSCALE_FINGERPRINT: refused" && return 1; }
}

download() {
  retry 4 curl -fsSL --connect-timeout 10 --speed-time 30 --speed-limit 1000 -o "$2" "$1"
}

# With a volume, tailscaled wakes up as the node that it was, and the key stays unspent. A node that was deleted at the
# control server wakes up as NeedsLogin, and `up` with the key logs in anew (seen: Headscale 0.29, tailscale 1.102). A
# new login is forced only after a refusal: tailscaled says NeedsLogin also when the control server is out of reach,
# and that must not cost the identity.
join_tailnet() {
  local answer=$STATE/tailnet.log
  retry 2 tailnet_up "$answer" ||
    { grep -qE 'backend error|force-reauth' "$answer" && [ -s "$KEY_FILE" ] && tailnet_up "$answer" --force-reauth; }
  rm -f "$KEY_FILE" "$answer"
}

# No --advertise-tags: the key carries the tag, and Headscale refuses a tagged key whose bearer asks for tags.
tailnet_up() {
  local answer=$1 flags=("--hostname=$HERMES_HOSTNAME" --accept-dns=false --accept-routes=false --reset --timeout=45s)
  shift
  [ ! -s "$KEY_FILE" ] || flags+=("--auth-key=file:$KEY_FILE")
  [ -z "$HERMES_LOGIN_SERVER" ] || flags+=("--login-server=$HERMES_LOGIN_SERVER")
  tailscale up "${flags[@]}" "$@" >"$answer" 2>&1 && is_online && return
  cat "$answer"
  return 1
}

# `up` ends well on a remembered network map alone; only the control server says Online.
is_online() {
  local end=$((SECONDS + 30))
  until tailscale status --json --peers=false | grep '"Online": true' >/dev/null; do
    [ "$SECONDS" -lt "$end" ] || { tailscale status --peers=false && return 1; }
    sleep 1
  done
  echo "tailnet address $(tailscale ip -4)"
}

fetch_node() {
  local tarball=$STATE/node.tar.xz partial=/opt/node/.partial
  [ ! -d "/opt/node/$HERMES_NODE_VERSION" ] || return 0
  download "$HERMES_NODE_URL" "$tarball" || return 1
  echo "$HERMES_NODE_SHA256  $tarball" | sha256sum -c --quiet ||
    { echo "$HERMES_NODE_URL has SHA-256 $(sha256sum <"$tarball" | cut -c -64), not $HERMES_NODE_SHA256: refused" && return 1; }
  rm -rf "$partial" && mkdir -p "$partial" || return 1
  tar -xJf "$tarball" -C "$partial" --strip-components=1 --no-same-owner || return 1
  rm "$tarball"
  mv "$partial" "/opt/node/$HERMES_NODE_VERSION"
}

use_node() {
  local program
  ln -sfn "$HERMES_NODE_VERSION" /opt/node/current
  for program in npm npx node; do ln -sfn "/opt/node/current/bin/$program" "/usr/local/bin/$program"; done
}

install_openclaw() {
  "$LIB/install-openclaw.sh" "$HERMES_OPENCLAW_VERSION" "$HERMES_OPENCLAW_BEFORE" "$HERMES_OPENCLAW_SHA256"
  # Later it is hermes-apply that says which version runs.
  [ -e /opt/openclaw/current ] || ln -sfn "$HERMES_OPENCLAW_VERSION" /opt/openclaw/current
  ln -sfn /opt/openclaw/current/bin/openclaw /usr/local/bin/openclaw
}

install_updates() {
  type -P unattended-upgrade >/dev/null || retry 4 packages unattended-upgrades
}

main
