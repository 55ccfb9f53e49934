#!/bin/bash
# clean-image.sh: makes a bootstrapped droplet an image that others can be made from: Debian, Node, Tailscale, OpenClaw and
# its compiled code stay; what this droplet is, knows or was given goes. Sent over SSH to a sandbox that is thrown away.
# What is in the image stands on stdout, one JSON line. The rest goes on when the connection is gone, because the way in
# goes with it, and ends with the droplet off: one that stays on is not clean.
# Exit status: 0 the droplet will be off soon, 1 refused or failed, reason on stderr.
set -euo pipefail

main() {
  # shellcheck source=/dev/null
  . /etc/hermes/bootstrap.env
  [ ! -e /etc/hermes/volume ] || refuse "this droplet has a volume: it is no sandbox"
  grep -q '"status":"done"' /var/lib/hermes/bootstrap.json || refuse "the bootstrap is not done"
  stop_services
  say_contents
  remove_hermes
  remove_packages_leftovers
  systemd-run --quiet --collect --unit=hermes-clean-image --setenv="SESSION=$PPID" \
    bash -euo pipefail -c "$(declare -f last remove_identity remove_traces); last"
}

refuse() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The gateway writes its compiled code when it ends.
stop_services() {
  systemctl stop hermes-backup.timer openclaw-gateway hermes-agent hermes-workspaces
  systemctl stop apt-daily.timer apt-daily-upgrade.timer apt-daily apt-daily-upgrade unattended-upgrades
  swapoff -a
  rm -f /swapfile /swapfile.2
  sed -i '/^\/swapfile/d' /etc/fstab
}

say_contents() {
  local tailscale
  tailscale=$(tailscale version | sed "s/-.*//; q")
  [ "$(readlink /opt/openclaw/current)" = "$HERMES_OPENCLAW_VERSION" ] || refuse "another OpenClaw runs than at birth"
  [ "$(readlink /opt/node/current)" = "$HERMES_NODE_VERSION" ] || refuse "another Node runs than at birth"
  printf '%s\n' "node $HERMES_NODE_VERSION $HERMES_NODE_SHA256" \
    "openclaw $HERMES_OPENCLAW_VERSION $HERMES_OPENCLAW_BEFORE" >/opt/hermes-image
  printf '{"openclaw":"%s","node":"%s","tailscale":"%s"}\n' "$HERMES_OPENCLAW_VERSION" "$HERMES_NODE_VERSION" "$tailscale"
}

# All of it comes again, with the user data and with the bundles. The firewall's rules stay loaded until the end.
remove_hermes() {
  local units=/etc/systemd/system
  systemctl disable -q tailscaled
  umount /var/lib/openclaw
  rm -rf $units/hermes-* $units/openclaw-gateway.service* $units/ollama.service* $units/tailscaled.service.d
  # What enabled them.
  find $units -xtype l -delete
  rm -rf /etc/hermes /etc/hermes-agent /etc/openclaw /opt/hermes /usr/local/lib/hermes
  rm -f /usr/local/sbin/hermes-apply /usr/local/sbin/openclaw
  rm -rf /etc/systemd/{journald,resolved}.conf.d/hermes.conf /etc/sysctl.d/90-hermes.conf /etc/apt/apt.conf.d/99hermes
  rm -rf /var/lib/hermes /var/lib/openclaw /srv/hermes/openclaw /srv/hermes/restore /var/lib/ollama /var/cache/hermes
  find /var/cache/openclaw -mindepth 1 -maxdepth 1 ! -name compile-cache -exec rm -rf {} +
}

remove_packages_leftovers() {
  apt-get -qq clean
  rm -rf /var/lib/apt/lists/* /var/lib/apt/periodic /var/lib/systemd/timers /var/lib/unattended-upgrades
}

# From here on nobody hears of a failure but by a droplet that stays on.
last() {
  timeout 30 tail -f --pid="$SESSION" /dev/null || true
  remove_identity
  remove_traces
  # Empty, not away: without one systemd would take the next boot for a factory's, and enable every unit.
  : >/etc/machine-id
  sync
  fstrim --all || true
  systemctl --no-block poweroff
}

# Logged out, so that the tailnet forgets the node at once.
remove_identity() {
  tailscale logout
  systemctl stop tailscaled hermes-volume || true
  ! mountpoint -q /var/lib/tailscale || umount /var/lib/tailscale
  rm -rf /var/lib/tailscale /srv/hermes /root/.ssh /home/*/.ssh
  rm -f /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d/10-hermes.conf
  cloud-init clean --logs --seed --configs all
  rm -f /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init*
  rm -rf /var/lib/dhcp/* /var/lib/dhcpcd/* /var/lib/systemd/network/*
  # Saved when it stops; then it is not saved again.
  systemctl stop systemd-random-seed || true
  rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
  rm -f /etc/hostname /var/lib/dbus/machine-id
  sed -i '/^127\.0\.1\.1/d' /etc/hosts
}

remove_traces() {
  find /root -mindepth 1 -maxdepth 1 ! -name .bashrc ! -name .profile -exec rm -rf {} +
  find /home -mindepth 2 -delete
  find /tmp /var/tmp -mindepth 1 -delete 2>/dev/null || true
  mkdir -p /run/systemd/journald.conf.d
  printf '[Journal]\nStorage=none\n' >/run/systemd/journald.conf.d/hermes-clean.conf
  systemctl restart systemd-journald
  rm -rf /var/log/journal
  find /var/log -type f -delete
}

main
