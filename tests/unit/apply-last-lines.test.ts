import { lastLines } from "../../gateway/apply/gateway.ts";
import type { Host } from "../../gateway/apply/host.ts";

/** A host whose journal ends with these lines. */
const hostWith = (...lines: string[]): Host =>
  ({ run: () => Promise.resolve({ code: 0, stdout: `${lines.join("\n")}\n`, stderr: "" }) }) as unknown as Host;

const logged = (level: string, subsystem: string | undefined, message: string): string =>
  JSON.stringify({ time: "2026-11-30T16:03:43Z", level, subsystem, message });

const shown = async (...lines: string[]): Promise<string[]> => lastLines(hostWith(...lines));

describe("the last lines of the gateway's log, which end up in the logs of a forge's jobs", () => {
  it.each<[string, string, string]>([
    ["its own start", logged("info", "gateway", "http server listening"), "info http server listening"],
    ["its settings", logged("warn", "gateway/secrets", "token is missing"), "warn token is missing"],
    ["what has no subsystem", logged("error", undefined, "cannot read the state"), "error cannot read the state"],
    ["a refused messenger", logged("warn", "gateway/channels/telegram", "401 Unauthorized"), "warn 401 Unauthorized"],
    ["what is no JSON, such as a trace", "Error: out of memory", "Error: out of memory"],
  ])("show %s", async (_, line, text) => expect(await shown(line)).toEqual([text]));

  it.each<[string, string]>([
    ["an agent", logged("error", "agent/embedded", "the user wrote: my password is marmalade")],
    ["a tool", logged("warn", "tools/exec", "echo marmalade")],
    ["a message that arrived", logged("info", "gateway/channels/telegram", "from 5: marmalade")],
    ["a model", logged("error", "model-fallback", "prompt: marmalade")],
  ])("keep back what %s may have quoted, and say where it can be read", async (_, line) => {
    const [text = ""] = await shown(line);
    expect(text).not.toContain("marmalade");
    expect(text).toContain("hermes logs --unit gateway");
  });
});
