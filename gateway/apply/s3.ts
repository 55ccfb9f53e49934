// An S3-compatible bucket: the five calls that backups need, made and signed by curl. Keys and addresses reach it on
// standard input, so that no list of processes shows them. No relative imports: the command line uses this file as well.
import { spawn } from "node:child_process";

export interface Bucket {
  /** For example https://nyc3.digitaloceanspaces.com; the bucket's name goes into the path. */
  endpoint: string;
  region: string;
  bucket: string;
  keyId: string;
  secret: string;
}

export interface Stored {
  key: string;
  bytes: number;
}

interface Call {
  method: "GET" | "PUT" | "HEAD" | "DELETE";
  /** Empty: the bucket itself. */
  key: string;
  query?: Record<string, string>;
  /** Further options of curl's, by their long names. */
  options?: Record<string, string>;
}

/** The bucket said no, or could not be reached. */
export class BucketError extends Error {
  /** Another attempt may bring what this one did not. */
  readonly passing: boolean;

  constructor(message: string, passing = false) {
    super(message);
    this.passing = passing;
  }
}

/** Seconds without a byte after which a transfer is given up. */
const SILENCE_S = "60";
const CONNECT_S = "20";

/** As RFC 3986 has it: what encodeURIComponent leaves alone and S3 does not. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** curl's configuration for one call. Pure. */
export function curlConfig(bucket: Bucket, call: Call): string {
  const path = [bucket.bucket, ...call.key.split("/")].filter((part) => part !== "").map(encode);
  // Sorted: older versions of curl sign the query as it stands.
  const query = Object.entries(call.query ?? {})
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
  const url = `${bucket.endpoint.replace(/\/+$/, "")}/${path.join("/")}${query === "" ? "" : `?${query}`}`;
  const options = {
    url,
    user: `${bucket.keyId}:${bucket.secret}`,
    "aws-sigv4": `aws:amz:${bucket.region}:s3`,
    proto: "=http,https",
    "connect-timeout": CONNECT_S,
    "speed-limit": "1",
    "speed-time": SILENCE_S,
    "write-out": "%{stderr}%{http_code} %header{content-length}",
    ...call.options,
  };
  const flags = [
    ...(call.method === "HEAD" ? ["head"] : []),
    ...(call.method === "DELETE" ? ['request = "DELETE"'] : []),
    // A refusal must not end up in the file.
    ...(call.options?.["output"] === undefined ? [] : ["fail"]),
  ];
  return [...flags, ...Object.entries(options).map(([name, value]) => `${name} = ${quote(value)}`), ""].join("\n");
}

const quote = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;

/** @param is - what is in the file; the service compares the hash. @throws BucketError */
export async function putFile(bucket: Bucket, key: string, file: string, is: { sha256: string }): Promise<void> {
  const header = `x-amz-content-sha256: ${is.sha256}`;
  await send(bucket, { method: "PUT", key, options: { "upload-file": file, header } });
}

/** What is stored there. @throws BucketError also when there is no such object */
export async function sizeOf(bucket: Bucket, key: string): Promise<number> {
  return (await send(bucket, { method: "HEAD", key })).length;
}

/** Into a file that is not there yet. @throws BucketError */
export async function getFile(bucket: Bucket, key: string, file: string): Promise<void> {
  await send(bucket, { method: "GET", key, options: { output: file } });
}

/** @throws BucketError */
export async function remove(bucket: Bucket, key: string): Promise<void> {
  await send(bucket, { method: "DELETE", key });
}

/** Everything below a prefix, in the order of the names. @throws BucketError */
export async function list(bucket: Bucket, prefix: string): Promise<Stored[]> {
  const found: Stored[] = [];
  let token: string | undefined;
  do {
    const more = token === undefined ? {} : { "continuation-token": token };
    const { body } = await send(bucket, { method: "GET", key: "", query: { "list-type": "2", prefix, ...more } });
    for (const [, entry = ""] of body.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
      found.push({ key: element(entry, "Key") ?? "", bytes: Number(element(entry, "Size")) });
    }
    token = element(body, "IsTruncated") === "true" ? element(body, "NextContinuationToken") : undefined;
  } while (token !== undefined);
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

const ENTITIES: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(?:#(\d+)|(\w+));/g, (all, code?: string, entity?: string) =>
    code === undefined ? (ENTITIES[entity ?? ""] ?? all) : String.fromCodePoint(Number(code)),
  );
}

/** Seconds between attempts: a service that is overloaded, or a line that is down for a moment. */
const PAUSES_S = [1, 5, 25];

/** An answer of 2xx, asked for again where another attempt may bring it. @throws BucketError */
const send = (bucket: Bucket, call: Call): Promise<Reply> => persistently(() => attempt(bucket, call));

interface Reply {
  body: string;
  length: number;
}

/** @param pause waits so many seconds; tests do not */
export async function persistently<T>(
  work: () => Promise<T>,
  pause: (seconds: number) => Promise<unknown> = sleep,
): Promise<T> {
  for (const seconds of PAUSES_S)
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BucketError) || !error.passing) throw error;
      await pause(seconds);
    }
  return await work();
}

const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Whether it may be over at the next attempt: no answer, too many requests, a fault of the service's own. */
export const isPassing = (status: number): boolean => status === 0 || status === 408 || status === 429 || status >= 500;

/** @throws BucketError that says what was asked for, and never with which key */
async function attempt(bucket: Bucket, call: Call): Promise<Reply> {
  const { code, stdout, stderr } = await curl(curlConfig(bucket, call));
  const [, words = "", status = "0", length = ""] = /^([\s\S]*?)(\d{3}) (\d*)$/.exec(stderr) ?? [stderr, stderr];
  if (code === 0 && /^2/.test(status)) return { body: stdout, length: Number(length) };
  const what = `${call.method} ${bucket.endpoint}/${bucket.bucket}${call.key === "" ? "" : `/${call.key}`}`;
  const said = [element(stdout, "Code"), element(stdout, "Message")].filter((part) => part !== undefined).join(": ");
  const reached = Number(status) > 0;
  // An answer that was cut off has the status of one that was not.
  const passing = isPassing(Number(status)) || /^2/.test(status);
  throw new BucketError(`${what}: ${reached ? `${status} ${said}` : words}`.trim(), passing);
}

/** First of its options: nobody's ~/.curlrc counts. */
const CURL = ["--disable", "--silent", "--show-error", "--config", "-"];

function curl(config: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("curl", CURL, { stdio: ["pipe", "pipe", "pipe"] });
    const out = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => (out[name] += text));
    }
    child.once("error", (error) => reject(new BucketError(`curl, which buckets are reached with: ${error.message}`)));
    child.once("close", (code) => resolve({ code, ...out }));
    child.stdin.on("error", () => undefined).end(config);
  });
}
