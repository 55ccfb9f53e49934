// OpenClaw's versions: what npm has, and what each of them needs.
import * as pulumi from "@pulumi/pulumi";
import type { ReleaseReport } from "./check";

export { checkRelease, type ReleaseReport } from "./check";
export { SHIPPED, shippedFacts, type ReleaseFacts } from "./list";
export { loadRelease } from "./lookup";

export async function sayRelease({ warnings }: ReleaseReport): Promise<void> {
  await Promise.all(warnings.map((warning) => pulumi.log.warn(warning)));
}
