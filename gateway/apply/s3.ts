// An S3-compatible bucket: the five calls that backups need, signed by AWS's Signature Version 4. No relative imports: the
// command line uses this file as well.
import { createHash, createHmac } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { request as plainRequest, type IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import { pipeline } from "node:stream/promises";

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
  /** Hex. @default that of nothing */
  payloadSha256?: string;
}

/** The bucket said no, or could not be reached. */
export class BucketError extends Error {}

const SILENCE_MS = 60_000;
const NOTHING = createHash("sha256").digest("hex");

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** As RFC 3986 has it: what encodeURIComponent leaves alone and S3 does not. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** URL and headers of a call. Pure but for the clock. */
export function sign(bucket: Bucket, call: Call, now = new Date()): { url: URL; headers: Record<string, string> } {
  const url = new URL(bucket.endpoint);
  const path = `/${[bucket.bucket, ...call.key.split("/")]
    .filter((part) => part !== "")
    .map(encode)
    .join("/")}`;
  const query = Object.entries(call.query ?? {})
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/${bucket.region}/s3/aws4_request`;
  const payload = call.payloadSha256 ?? NOTHING;
  const headers = { host: url.host, "x-amz-content-sha256": payload, "x-amz-date": time };
  const names = Object.keys(headers).join(";");
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const canonical = [call.method, path, query, lines.join(""), names, payload].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const key = scope.split("/").reduce<string | Buffer>((from, part) => hmac(from, part), `AWS4${bucket.secret}`);
  const credential = `Credential=${bucket.keyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${hmac(key, toSign).toString("hex")}`;
  const full = new URL(`${path}${query === "" ? "" : `?${query}`}`, url);
  return { url: full, headers: { ...headers, authorization } };
}

/** @throws BucketError */
export async function putFile(bucket: Bucket, key: string, file: string, is: { bytes: number; sha256: string }) {
  const body = (into: NodeJS.WritableStream) => pipeline(createReadStream(file), into);
  const response = await send(bucket, { method: "PUT", key, payloadSha256: is.sha256 }, { bytes: is.bytes, body });
  await textOf(response);
}

/** What is stored there. @throws BucketError also when there is no such object */
export async function sizeOf(bucket: Bucket, key: string): Promise<number> {
  const response = await send(bucket, { method: "HEAD", key });
  response.resume();
  return Number(response.headers["content-length"]);
}

/** @throws BucketError */
export async function getFile(bucket: Bucket, key: string, file: string): Promise<void> {
  const response = await send(bucket, { method: "GET", key });
  await pipeline(response, createWriteStream(file, { mode: 0o600, flags: "wx" }));
}

/** @throws BucketError */
export async function remove(bucket: Bucket, key: string): Promise<void> {
  await textOf(await send(bucket, { method: "DELETE", key }));
}

/** Everything below a prefix, in the order of the names. @throws BucketError */
export async function list(bucket: Bucket, prefix: string): Promise<Stored[]> {
  const found: Stored[] = [];
  let token: string | undefined;
  do {
    const more = token === undefined ? {} : { "continuation-token": token };
    const query = { "list-type": "2", prefix, ...more };
    const text = await textOf(await send(bucket, { method: "GET", key: "", query }));
    for (const [, entry = ""] of text.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
      found.push({ key: element(entry, "Key") ?? "", bytes: Number(element(entry, "Size")) });
    }
    token = element(text, "IsTruncated") === "true" ? element(text, "NextContinuationToken") : undefined;
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

interface Body {
  bytes: number;
  body(into: NodeJS.WritableStream): Promise<unknown>;
}

/** A response of 2xx, its body still to be read. @throws BucketError */
async function send(bucket: Bucket, call: Call, content?: Body): Promise<IncomingMessage> {
  const { url, headers } = sign(bucket, call);
  const request = url.protocol === "https:" ? tlsRequest : plainRequest;
  const length = content === undefined ? {} : { "content-length": content.bytes };
  const what = `${call.method} ${url.origin}/${bucket.bucket}${call.key === "" ? "" : `/${call.key}`}`;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(url, { method: call.method, headers: { ...headers, ...length } }, resolve);
    sent.setTimeout(SILENCE_MS, () => sent.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`)));
    sent.on("error", (error) => reject(new BucketError(`${what}: ${error.message}`)));
    if (content === undefined) sent.end();
    // A server that refuses answers before it has read all: its answer counts, not the broken pipe.
    else content.body(sent).catch((error: Error) => sent.destroy(error));
  });
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  const said = await textOf(response).catch(() => "");
  const why = [element(said, "Code"), element(said, "Message")].filter((part) => part !== undefined).join(": ");
  throw new BucketError(`${what}: ${status}${why === "" ? "" : ` ${why}`}`);
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
