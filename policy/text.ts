import { RULES } from "./rules";
import type { Violation } from "./types";

/** For people: which resource, what is wrong, what to do, which rule. */
export function violationText({ rule, resource, message }: Violation): string {
  const [, , types = "", name = ""] = resource.split("::");
  return `${types.split(":").at(-1)} ${name}: ${message} (policy ${rule})`;
}

/** The table of docs/policy.md. */
export function rulesTable(): string {
  const rows = RULES.map(({ name, says, one, all }) => {
    const seen = [...(one === undefined ? [] : ["each resource"]), ...(all === undefined ? [] : ["all of them"])];
    return [`\`${name}\``, says, seen.join(", ")];
  });
  const head = ["rule", "what it wants", "looks at"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
