#!/bin/sh
# ssh, sharing one connection: OpenClaw makes a new one for each of the many steps of a file tool.
exec /usr/bin/ssh -o ControlMaster=auto -o ControlPath=/run/openclaw/ssh-%C -o ControlPersist=60 "$@"
