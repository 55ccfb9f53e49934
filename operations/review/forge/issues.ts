import type { Entry, ForgeApi } from "./api";
import { loginOf, textIn, whoPosts } from "./comments";

const markerOf = (stack: string): string => `<!-- hermes-drift:${stack} -->`;

export type IssueResult = { what: "opened" | "edited" | "closed"; url: string } | { what: "none" };

/** One open issue says what differs; closed when nothing does. @param text - undefined: nothing differs */
export async function keepIssue(
  api: ForgeApi,
  { stack, title, text }: { stack: string; title: string; text: string | undefined },
): Promise<IssueResult> {
  const found = await ownIssue(api, stack);
  if (text === undefined) {
    if (found === undefined) return { what: "none" };
    return { what: "closed", url: url(await api.patch(path(api, found), { state: "closed" }, "issue")) };
  }
  const body = `${markerOf(stack)}\n${text}`;
  if (found !== undefined)
    return { what: "edited", url: url(await api.patch(path(api, found), { title, body }, "issue")) };
  return { what: "opened", url: url(await api.post(`${api.repo}/issues`, { title, body }, "issue")) };
}

async function ownIssue(api: ForgeApi, stack: string): Promise<Entry | undefined> {
  const me = await whoPosts(api);
  const open = await api.list(`${api.repo}/issues?state=open`, "issue");
  return open.find((one) => loginOf(one) === me && textIn(one, "body").split(/\r?\n/, 1)[0] === markerOf(stack));
}

const path = (api: ForgeApi, issue: Entry): string => `${api.repo}/issues/${String(issue["number"])}`;
const url = (issue: Entry): string => textIn(issue, "html_url");
