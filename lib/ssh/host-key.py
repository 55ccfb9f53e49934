"""Runs on the droplet as root, sent there by lib/ssh/adopt.ts: proves that this is the stack's droplet, then takes its key.

argv: a nonce. First line on standard output: {"proof": HEX}, which only the machine with the stack's user data can make,
and which is of no use on a connection to a machine with another host key. After that a private host key may come in on
standard input; it is installed, also on the volume, and the last line is {"installed": true} or {"error": TEXT}.
Exit status: 0 done, or no key came in; 1 refused or failed, nothing changed.
Only what every Debian with cloud-init has is used: the droplet may be older than this file, and still in its first boot.
"""
import hashlib
import hmac
import json
import os
import subprocess
import sys
import urllib.request

import yaml

USED = "/etc/ssh/ssh_host_ed25519_key"
MOUNT = "/srv/hermes"
KEPT = MOUNT + "/ssh/ssh_host_ed25519_key"
USER_DATA = ("/var/lib/cloud/instance/user-data.txt", "http://169.254.169.254/metadata/v1/user-data")


def main(nonce):
    say({"proof": proof(nonce)})
    key = sys.stdin.read()
    if key == "":
        return
    install(key.strip() + "\n")
    say({"installed": True})


def proof(nonce):
    """Same transcript as proofOf() in lib/ssh/host-key.ts."""
    public = " ".join(run("ssh-keygen", "-y", "-f", USED).split()[:2])
    text = "hermes host key v1\n%s\n%s\n" % (nonce, public)
    return hmac.new(tailnet_key().encode(), text.encode(), hashlib.sha256).hexdigest()


def tailnet_key():
    """From cloud-init's copy, or from the metadata address; both are for root only. Empty: it is in neither."""
    for source in USER_DATA:
        try:
            for file in (yaml.safe_load(read(source)) or {}).get("write_files", []):
                if file.get("path") == "/etc/hermes/tailnet.key":
                    return file["content"].strip()
        except (OSError, ValueError, yaml.YAMLError):
            pass
    return ""


def read(source):
    if not source.startswith("/"):
        return urllib.request.urlopen(source, timeout=10).read()
    with open(source, "rb") as file:
        return file.read()


def install(key):
    if os.path.exists("/etc/hermes/volume") and not os.path.ismount(MOUNT):
        raise ValueError("the volume is not mounted, so the key would be lost with this droplet")
    os.makedirs(os.path.dirname(KEPT), 0o700, exist_ok=True)
    # The volume first: a bootstrap that runs now, or again, takes the key from there.
    for path in (KEPT, USED):
        draft = path + ".new"
        write(draft, key, 0o600)
        write(path + ".pub.new", run("ssh-keygen", "-y", "-f", draft), 0o644)
        os.rename(path + ".pub.new", path + ".pub")
        os.rename(draft, path)
        sync(os.path.dirname(path))
    run("systemctl", "reload-or-restart", "ssh.service")


def write(path, text, mode):
    if os.path.lexists(path):
        os.unlink(path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync(folder):
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise ValueError("%s: %s" % (command[0], done.stderr.strip()[-300:]))
    return done.stdout


def say(reply):
    print(json.dumps(reply), flush=True)


try:
    main(sys.argv[1])
except (OSError, ValueError, subprocess.SubprocessError) as error:
    say({"error": str(error)})
    sys.exit(1)
