import type { Level } from "..";
import type { ForgeApi } from "./api";

export interface Status {
  state: "success" | "failure";
  context: string;
  description: string;
}

/** GitHub takes no more. */
const LONGEST = 140;

/** What asks for a person's decision is no green mark: state that is lost, a port that opens, a policy, an error. */
const RED: readonly Level[] = ["loses-state", "exposes", "policy", "error"];

/** The one line beside a commit. */
export function statusOf(stack: string, { level, line }: { level: Level; line: string }): Status {
  const plain = line.replace(/[*`_]/g, "").replace(/\s+/g, " ").trim();
  return {
    state: RED.includes(level) ? "failure" : "success",
    context: `hermes/${stack}`,
    description: plain.length <= LONGEST ? plain : `${plain.slice(0, LONGEST - 1)}…`,
  };
}

export async function setStatus(api: ForgeApi, commit: string, status: Status): Promise<void> {
  const { runUrl } = api.forge;
  const body = { ...status, ...(runUrl === undefined ? {} : { target_url: runUrl }) };
  await api.post(`${api.repo}/statuses/${commit}`, body, "status");
}
