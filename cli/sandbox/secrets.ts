import { MADE } from "../init";
import { hermesKey, type StackFile } from "./file";

/** A sandbox's own, made for it, with those that are given to it: none that identifies the stack that it is made after. */
export function ownSecrets({ config = {} }: StackFile, given: Record<string, string>): Record<string, string> {
  const access = Object.entries(config).find(([key]) => hermesKey(key) === "access")?.[1];
  const names = ["gatewayToken", "deployKey", ...(access === "ssh" ? ["hostKey"] : [])];
  const made = names.map((name): [string, string] => [name, MADE[name]?.() ?? ""]);
  return { ...Object.fromEntries(made), ...given };
}
