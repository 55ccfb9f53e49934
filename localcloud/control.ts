import { request } from "node:http";
import { join } from "node:path";
import type { Lab } from "./lab";

export const controlSocket = (lab: Lab): string => join(lab.dir, "control.sock");

/**
 * One call to the daemon's control API: `digitalocean/calls`, `tailscale/faults`, `services/openrouter/…`,
 * `machines/…`. Without a body it reads.
 *
 * @throws Error with the daemon's words, or when no daemon listens.
 */
export function control<T>(lab: Lab, path: string, body?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const call = request(
      { socketPath: controlSocket(lab), path: `/${path}`, method: text === undefined ? "GET" : "POST" },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("end", () => {
          const reply = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) resolve(JSON.parse(reply) as T);
          else reject(new Error(`control ${path}: ${reply}`));
        });
      },
    );
    call.once("error", reject);
    call.end(text);
  });
}
