import * as pulumi from "@pulumi/pulumi";
import { isBotTag } from "../../config/sandbox";
import { AccountError, type Account } from "../../lib/digitalocean/account";
import type { Survey } from "./guard";

export interface LostTag {
  droplet: string;
  tag: string;
}

/** Bots' tags that the state has on the stack's droplet and the account has not. Pure. */
export function lostBotTags({ things, state = [] }: Survey): LostTag[] {
  const tagsOf = (values: Record<string, unknown> = {}): string[] =>
    Array.isArray(values["tags"]) ? values["tags"].map((tag) => String(tag).toLowerCase()) : [];
  return things
    .filter(({ kind }) => kind === "droplet")
    .flatMap(({ id, entry }) => {
      const known = state.find((one) => one.type === "digitalocean:index/droplet:Droplet" && one.id === id);
      const there = tagsOf(entry);
      const lost = tagsOf(known?.outputs).filter((tag) => isBotTag(tag) && !there.includes(tag));
      return lost.map((tag) => ({ droplet: id, tag }));
    });
}

/**
 * Puts them back, before anything is changed. Without them another stack does not see that the bot is in use; and where
 * the tag is gone from the account, to take it off the droplet is answered with 404, in every `up` until a refresh.
 */
export async function restoreBotTags(account: Account | undefined, seen: Survey | undefined): Promise<void> {
  if (account === undefined || seen === undefined || pulumi.runtime.isDryRun()) return;
  for (const { droplet, tag } of lostBotTags(seen)) {
    try {
      await account.post("/v2/tags", { name: tag });
      const resources = [{ resource_id: droplet, resource_type: "droplet" }];
      await account.post(`/v2/tags/${tag}/resources`, { resources });
    } catch (error) {
      if (!(error instanceof AccountError)) throw error;
      await pulumi.log.warn(
        `The droplet has lost its tag ${tag}, and it was not put back: DigitalOcean ${error.message}.`,
      );
    }
  }
}
