import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation";
import { pulumiOutput } from "../pulumi";

interface Resource {
  type: string;
  inputs?: { dir?: unknown };
  outputs?: { dir?: unknown };
}

interface Exported {
  deployment?: { resources?: Resource[] } | null;
}

/**
 * The commands of a stack run in the folder of the program that made it. A sandbox of another git ref, or of another clone, is
 * removed where that folder is gone: the program here knows the same commands.
 */
export async function withStandingFolders(stack: Stack, folder: string = process.cwd()): Promise<void> {
  const state = JSON.parse(await pulumiOutput(["stack", "export", "--stack", stack.name])) as Exported;
  if (!relocate(state, folder, existsSync)) return;
  const scratch = mkdtempSync(join(tmpdir(), "hermes-state-"));
  try {
    const file = join(scratch, "state.json");
    writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
    await pulumiOutput(["stack", "import", "--file", file, "--stack", stack.name]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Pure but for what it is given. @returns whether anything changed */
export function relocate({ deployment }: Exported, folder: string, stands: (path: string) => boolean): boolean {
  let changed = false;
  for (const { type, inputs, outputs } of deployment?.resources ?? []) {
    if (type !== "command:local:Command") continue;
    for (const values of [inputs, outputs]) {
      if (typeof values?.dir !== "string" || stands(values.dir)) continue;
      values.dir = folder;
      changed = true;
    }
  }
  return changed;
}
