#!/bin/bash
# idle.sh: switches the machine off when no agent has worked for as many minutes as /etc/hermes/idle says. Work is what
# OpenClaw writes into an agent's database: a turn, a message, a session. Starting up, and hermes-apply, are not idle.
# Exit status: 0 in use or on its way off, 1 not known, reason on stderr.
set -euo pipefail

readonly WANTED=/etc/hermes/idle AGENTS=${HERMES_IDLE_AGENTS:-/var/lib/openclaw/agents} LOCK=/run/hermes/apply.lock

main() {
  local minutes now last
  read -r minutes <"${HERMES_IDLE_WANTED:-$WANTED}"
  now=$(date +%s)
  last=$(latest)
  if [ $((now - last)) -lt $((minutes * 60)) ]; then
    printf 'last used %s s ago, of %s min\n' $((now - last)) "$minutes"
    return
  fi
  if [ -e "$LOCK" ] && ! flock --nonblock "$LOCK" true; then
    printf 'hermes-apply is at work\n'
    return
  fi
  printf 'nobody used this sandbox for %s min: it is switched off\n' "$minutes"
  systemctl poweroff
}

# Seconds since 1970: the last work, or the start of the machine.
latest() {
  local booted worked
  booted=$(($(date +%s) - $(cut -d. -f1 "${HERMES_IDLE_UPTIME:-/proc/uptime}")))
  worked=$(find "$AGENTS" -name 'openclaw-agent.sqlite*' -printf '%T@\n' 2>/dev/null | cut -d. -f1 | sort -n | tail -n 1)
  if [ -n "$worked" ] && [ "$worked" -gt "$booted" ]; then printf '%s\n' "$worked"; else printf '%s\n' "$booted"; fi
}

main
