import { hermesKey } from "../../config/stackfile";
import { MADE } from "../init/init";
import type { StackFile } from "./file";

/** A sandbox's own, made for it, with those that are given to it: none that identifies the stack that it is made after. */
export function ownSecrets({ config = {} }: StackFile, given: Record<string, string>): Record<string, string> {
  const names = ["gatewayToken", "deployKey", "hostKey"];
  const made = names.map((name): [string, string] => [name, MADE[name]?.() ?? ""]);
  // Of no use without its channel, hence refused.
  const { telegramBotToken, ...others } = given;
  const hasTelegram = Object.keys(config).some((key) => hermesKey(key) === "telegram");
  const bot = telegramBotToken === undefined || !hasTelegram ? {} : { telegramBotToken };
  return { ...Object.fromEntries(made), ...others, ...bot };
}
