import type { Violation } from "./types";

/** For people: which resource, what is wrong, what to do, which rule. */
export function violationText({ rule, resource, message }: Violation): string {
  const [, , types = "", name = ""] = resource.split("::");
  return `${types.split(":").at(-1)} ${name}: ${message} (policy ${rule})`;
}
