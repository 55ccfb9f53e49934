import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../lab";

/** `stand-in`: the lab's own small program; `real`: Ollama itself, built from its Go modules, with small real weights. */
export type OllamaKind = "stand-in" | "real";

/**
 * Which Ollama this lab's internet has. Chosen by HERMES_LAB_OLLAMA=real when the lab starts, and kept with the lab: its
 * daemon and every later command must agree on the archive's digest.
 */
export function ollamaKind(lab: Lab): OllamaKind {
  const kept = join(lab.dir, "ollama-kind");
  if (existsSync(kept)) return readFileSync(kept, "utf8").trim() as OllamaKind;
  const kind = process.env["HERMES_LAB_OLLAMA"] === "real" ? "real" : "stand-in";
  mkdirSync(lab.dir, { recursive: true });
  writeFileSync(kept, `${kind}\n`);
  return kind;
}
