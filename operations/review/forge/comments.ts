import { CommandError } from "../../../lib/output";
import { RefusedByForge, type Entry, type ForgeApi } from "./api";

/** First line of a comment that is the stack's report; neither forge shows it. */
export const markerOf = (stack: string): string => `<!-- hermes-report:${stack} -->`;

export interface Comment {
  id: number;
  body: string;
  /** Without the marker. */
  text: string;
  url: string;
}

export interface Posted {
  url: string;
  /** False: it is a new one. */
  edited: boolean;
}

/** Puts a stack's report under its pull request: always the same comment, so that nobody reads an old one. */
export async function postComment(
  api: ForgeApi,
  { pull, stack, text }: { pull: number; stack: string; text: string },
): Promise<Posted> {
  const body = `${markerOf(stack)}\n${text}`;
  const found = await ownComments(api, pull, stack);
  if (found.length > 0) return edit(api, found, body);
  try {
    const made = commentOf(await api.post(`${api.repo}/issues/${pull}/comments`, { body }, "comment"));
    return { url: made.url, edited: false };
  } catch (error) {
    // It may have been made all the same.
    if (!(error instanceof CommandError) || error instanceof RefusedByForge) throw error;
    const late = await ownComments(api, pull, stack);
    if (late.length === 0) throw error;
    return edit(api, late, body);
  }
}

/** Two runs at once may both have made one: the first stays. */
async function edit(api: ForgeApi, [first, ...others]: Comment[], body: string): Promise<Posted> {
  const { id, url } = first as Comment;
  if (first?.body !== body) await api.patch(`${api.repo}/issues/comments/${id}`, { body }, "comment");
  for (const other of others) await api.remove(`${api.repo}/issues/comments/${other.id}`, "comment");
  return { url, edited: true };
}

/** Ours alone, the oldest first: whoever may comment can write a marker. */
export async function ownComments(api: ForgeApi, pull: number, stack: string): Promise<Comment[]> {
  const me = await whoPosts(api);
  const all = await api.list(`${api.repo}/issues/${pull}/comments`, "read");
  return all
    .filter((one) => loginOf(one) === me)
    .map(commentOf)
    .filter(({ body }) => body.startsWith(`${markerOf(stack)}\n`))
    .sort((a, b) => a.id - b.id);
}

/** A job's own token can't ask who it is, and posts under this name. */
const JOBS = { github: "github-actions[bot]", gitea: "gitea-actions" } as const;

export async function whoPosts(api: ForgeApi): Promise<string> {
  const { author, kind } = api.forge;
  if (author !== undefined) return author;
  try {
    const { login } = (await api.get("/user", "read")) as Entry;
    if (typeof login === "string" && login !== "") return login;
  } catch (error) {
    if (!(error instanceof RefusedByForge) || error.status === 401) throw error;
  }
  return JOBS[kind];
}

export const loginOf = (entry: Entry): unknown => (entry["user"] as Entry | null | undefined)?.["login"];

/** Empty where the forge has none. */
export function textIn(entry: Entry, key: string): string {
  const value = entry[key];
  return typeof value === "string" ? value : "";
}

function commentOf(entry: Entry): Comment {
  // Gitea keeps line ends as they came, GitHub may not.
  const body = textIn(entry, "body").replace(/\r\n/g, "\n");
  const text = body.slice(body.indexOf("\n") + 1);
  return { id: Number(entry["id"]), body, text, url: textIn(entry, "html_url") };
}
