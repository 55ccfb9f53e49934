import { hermesKey } from "../../config/stackfile";
import { AccountError, type Account } from "../../lib/digitalocean/account";
import { newestImage, wantedImage } from "../images";
import type { StackFile } from "./file";

/** The image that a sandbox has without a baked one. */
export const BASE = "hermes-sandbox:base";

/**
 * What a sandbox's file has to say so that its next droplet begins from the newest baked image with exactly the same in
 * it; without one, or cold, from the plain one. An image that was asked for by its number stays.
 */
export async function imageKeys(
  { config = {} }: StackFile,
  { account, cold, say }: { account: Account; cold: boolean; say: (text: string) => void },
): Promise<Record<string, string>> {
  const base = config[BASE];
  const values = Object.fromEntries(Object.entries(config).map(([key, value]) => [hermesKey(key) ?? key, value]));
  const wanted = wantedImage(base === undefined ? values : { ...values, image: base });
  if (wanted === undefined) return {};
  const plain = wanted.contents.base;
  const baked = cold ? undefined : await newestImage(account, wanted).catch(withoutOne(say));
  return { "hermes:image": baked?.id ?? plain, [BASE]: plain };
}

/** It only takes longer. */
const withoutOne =
  (say: (text: string) => void) =>
  (error: unknown): undefined => {
    if (!(error instanceof AccountError)) throw error;
    say(`no baked image is looked for: DigitalOcean ${error.message}`);
  };
