import { pulumiOutput } from "./pulumi";

/** Values travel on stdin, never as an argument. */
export async function setConfig(stack: string[], key: string, value: string, flags: string[] = []): Promise<void> {
  await pulumiOutput(["config", "set", key, ...stack, ...flags], { stdin: value });
}
