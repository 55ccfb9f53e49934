// In the place of OpenClaw's index.js, so that the real unit and scripts run it: as large, ready at once, with an MCP
// server that is started as OpenClaw does it (its shell raises oom_score_adj to 1000, dist/linux-oom-score-*.mjs in
// OpenClaw 2026.9.6). In software the real one needs more than four minutes to start. Grows when the file is there.
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { setInterval } from "node:timers";

const MIB = 1024 * 1024;
/** About what the gateway has after some turns. */
const SIZE_MIB = 1000;
const GROW = "/var/lib/openclaw/grow";

const held = [Buffer.alloc(SIZE_MIB * MIB, 0x5a)];

function grow() {
  if (!existsSync(GROW)) return;
  rmSync(GROW);
  for (;;) held.push(Buffer.alloc(16 * MIB, 0x5a));
}

const shim = 'echo 1000 >/proc/self/oom_score_adj; exec "$0" "$@"';
spawn("/bin/sh", ["-c", shim, "/opt/hermes-vm/hog.py", "server"], { stdio: "ignore" });
createServer((_, response) => response.end('{"ready":true}')).listen(18789, "127.0.0.1");
setInterval(grow, 500);
