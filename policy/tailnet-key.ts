import { isUnknown, listOf, UNKNOWN, type Finding, type Rule } from "./types";

const HOUR_S = 3600;

export const tailnetKey: Rule = {
  name: "tailnet-key",
  says: "A tailnet key works once, for an hour at most, and gives its node a tag.",
  one: ({ type, props }) => {
    if (type !== "tailscale:index/tailnetKey:TailnetKey") return [];
    return [...singleUse(props["reusable"]), ...short(props["expiry"]), ...tagged(props["tags"])];
  },
};

function singleUse(reusable: unknown): Finding[] {
  if (reusable === UNKNOWN || reusable === undefined || reusable === false || reusable === "false") return [];
  return [{ found: "it is reusable: whoever reads the user data can join the tailnet", fix: "Set reusable to false." }];
}

function short(value: unknown): Finding[] {
  const expiry = value as string | number | null | undefined;
  if (expiry === UNKNOWN || Number(expiry) <= HOUR_S) return [];
  const found = expiry === undefined ? "it has no expiry, which means 90 days" : `it works for ${String(expiry)} s`;
  return [{ found, fix: `Set expiry to ${HOUR_S} or less.` }];
}

/** Without a tag the node is its maker's own machine, with all that its maker may. */
function tagged(tags: unknown): Finding[] {
  if (isUnknown(tags)) return [];
  const all = listOf(tags);
  if (all.length > 0 && all.every((tag) => /^tag:./.test(String(tag)))) return [];
  return [
    { found: "it gives its node no tag", fix: 'Set tags to that of hermes:tailnet.tag, such as ["tag:hermes"].' },
  ];
}
