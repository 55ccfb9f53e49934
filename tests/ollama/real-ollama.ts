import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";

/** The real program, serving on loopback. */
export class RealOllama {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
  ) {}

  /** Resolves when it answers. Its log goes to standard error when HERMES_TEST_LOGS is set. */
  static async start(binary: string, port: number, environment: Record<string, string>): Promise<RealOllama> {
    const stdio = process.env["HERMES_TEST_LOGS"] === undefined ? "ignore" : "inherit";
    const child = spawn(binary, ["serve"], { env: environment, stdio: ["ignore", "ignore", stdio] });
    const ollama = new RealOllama(port, child);
    while ((await ollama.call("GET", "/api/version").catch(() => undefined)) === undefined) {
      if (child.exitCode !== null) throw new Error(`ollama serve ended with status ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return ollama;
  }

  /** A whole reply: one value, or the lines of a stream. */
  async call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>[]> {
    return this.stream(method, path, body, () => undefined);
  }

  async post(path: string, body: unknown): Promise<Record<string, unknown>> {
    return (await this.call("POST", path, { stream: false, ...(body as object) })).at(-1) ?? {};
  }

  /** Lines as they come; `abort` in the callback ends the request as a client that goes away does. */
  stream(
    method: string,
    path: string,
    body: unknown,
    onLine: (line: Record<string, unknown>, abort: () => void) => void,
  ): Promise<Record<string, unknown>[]> {
    return new Promise((resolve, reject) => {
      const lines: Record<string, unknown>[] = [];
      let rest = "";
      const take = (line: string): void => {
        if (line.trim() === "") return;
        const value = JSON.parse(line) as Record<string, unknown>;
        lines.push(value);
        onLine(value, () => call.destroy());
      };
      const text = body === undefined ? "" : JSON.stringify(body);
      // Node frames a DELETE's body only when it is told its length.
      const headers = { "content-length": Buffer.byteLength(text) };
      const call = request({ host: "127.0.0.1", port: this.port, method, path, headers }, (response) => {
        response.setEncoding("utf8").on("data", (chunk: string) => {
          const parts = (rest + chunk).split("\n");
          rest = parts.pop() ?? "";
          parts.forEach(take);
        });
        response.once("end", () => {
          take(rest);
          resolve(lines);
        });
        response.once("error", reject);
      });
      call.once("error", reject);
      call.end(text);
    });
  }

  /** The most MiB that were resident of the server and of its runner so far, from proc(5). */
  peakMiB(): { serve: number; runner: number } {
    const serve = this.child.pid ?? 0;
    const runner = childrenOf(serve).reduce((sum, pid) => sum + peakOf(pid), 0);
    return { serve: peakOf(serve), runner };
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const runners = childrenOf(this.child.pid ?? 0);
    this.child.kill(signal);
    await once(this.child, "exit");
    if (signal === "SIGKILL") for (const pid of runners) process.kill(pid, "SIGKILL");
  }
}

function peakOf(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib ?? 0) / 1024;
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}
