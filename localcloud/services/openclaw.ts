import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Mirror } from "./mirror";
import {
  FORGED_WAS_RUN,
  FORGERIES,
  manifestOf,
  packPackage,
  type Forgery,
  type OpenclawRelease,
  type Tarball,
} from "./openclaw-package";
import { sendJson, type Handler } from "./web";

/** A package document of npm's, as far as the stand-in changes it. */
interface PackageDocument {
  versions: Record<string, PackageVersion>;
  [field: string]: unknown;
}

interface PackageVersion {
  version: string;
  repository?: unknown;
  engines?: { node?: string };
  openclaw?: { schemaVersions?: { state: number; agent: number } };
  dist: { tarball: string; [field: string]: unknown };
}

const DOCUMENT = /\/openclaw$/;
/** Its own name: what a client has of the real one by that address is never taken for it. */
const TARBALL = /\/openclaw\/-\/openclaw-([\w.-]+)-stand-in\.tgz$/;

/**
 * The package openclaw in the lab's registry: the real one, or a small stand-in under the same versions and publication
 * times. Whatever asks for a single version (`/openclaw/VERSION`) gets the real document: both agree on what is in it.
 */
export class OpenclawPackage {
  standIn: boolean;
  /** The registry lies: under the names and, it says, of the days that they had before. */
  #forgery: Forgery | undefined;
  /** Something forged ran somewhere. */
  #forgedWasRun = false;
  readonly #packed = new Map<string, Promise<Tarball>>();

  constructor(
    private readonly registry: Mirror,
    standIn: boolean,
    private readonly log: (line: string) => void,
  ) {
    this.standIn = standIn;
  }

  /** @param next what answers for all other packages, and for this one while it is the real one */
  handler(next: Handler): Handler {
    return async (request, response) => {
      const path = new URL(request.url ?? "/", "http://registry").pathname;
      const version = TARBALL.exec(path)?.[1];
      if (path === FORGED_WAS_RUN) {
        this.#forgedWasRun = true;
        return sendJson(response, 200, {});
      }
      if (!this.standIn || this.registry.down || (version === undefined && !DOCUMENT.test(path)))
        return next(request, response);
      if (version === undefined) return this.#document(path, request.headers["if-none-match"], response);
      await this.#tarball(path, version, response);
    };
  }

  async #document(path: string, known: string | undefined, response: ServerResponse): Promise<void> {
    const document = (await this.registry.document(path)) as PackageDocument;
    const versions: Record<string, object> = {};
    for (const each of Object.values(document.versions)) {
      const release = releaseOf(each);
      if (release === undefined) continue;
      const { integrity, shasum } = await this.#pack(release);
      const tarball = each.dist.tarball.replace(/\.tgz$/, "-stand-in.tgz");
      const dist = { tarball, integrity, shasum };
      versions[release.version] = { ...manifestOf(release, this.#forgery), repository: each.repository, dist };
    }
    const body = { ...document, versions };
    const etag = `"stand-in-${createHash("sha256").update(JSON.stringify(body)).digest("hex").slice(0, 32)}"`;
    if (known === etag) return void response.writeHead(304, { etag }).end();
    sendJson(response, 200, body, { etag });
  }

  async #tarball(path: string, version: string, response: ServerResponse): Promise<void> {
    const document = (await this.registry.document(path.replace(/\/-\/.*/, ""))) as PackageDocument;
    const found = document.versions[version];
    const release = found && releaseOf(found);
    if (release === undefined) return sendJson(response, 404, { error: `there is no stand-in of openclaw ${version}` });
    const { bytes } = await this.#pack(release);
    this.log(`mirror: openclaw ${version} is the stand-in`);
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length }).end(bytes);
  }

  #pack(release: OpenclawRelease): Promise<Tarball> {
    const key = `${release.version} ${this.#forgery ?? ""}`;
    const packed = this.#packed.get(key) ?? packPackage(release, this.#forgery);
    this.#packed.set(key, packed);
    return packed;
  }

  /**
   * `services/openclaw` {standIn?, forgery?}: chooses for all installations from now on, and says which one is served.
   * A forgery (null: none) is something else under the same version; `forgedWasRun` says whether any of it ran since.
   */
  control(body: Record<string, unknown>): { standIn: boolean; forgedWasRun: boolean } {
    if (typeof body["standIn"] === "boolean") this.standIn = body["standIn"];
    if ("forgery" in body) {
      this.#forgery = FORGERIES.find((each) => each === body["forgery"]);
      this.#forgedWasRun = false;
    }
    return { standIn: this.standIn, forgedWasRun: this.#forgedWasRun };
  }
}

/** Undefined for a version from before packages named the formats of their databases. */
function releaseOf({ version, engines, openclaw }: PackageVersion): OpenclawRelease | undefined {
  const schemas = openclaw?.schemaVersions;
  return schemas && { version, node: engines?.node ?? "*", schemas };
}
