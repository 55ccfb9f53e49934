/**
 * The embedded cloud's one long-running process. It lives in the lab's network namespace and is everything that a
 * droplet and the operator's pulumi talk to.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";

import { ADDRESSES } from "./addresses";
import { labCatalogue } from "./catalogue";
import { controlSocket } from "./control";
import { labCredentials } from "./credentials";
import { startDigitalOcean, type DigitalOcean } from "./digitalocean";
import { ContainerSubstrate, startMetadata } from "./droplets";
import { labOf, type Lab } from "./lab";
import { startServices, type Services } from "./services";
import { startTailnet, type LabTailnet } from "./tailnet";

interface Parts {
  digitalocean: DigitalOcean;
  services: Services;
  tailnet: LabTailnet;
  substrate: ContainerSubstrate;
}

async function start(lab: Lab): Promise<Parts> {
  const credentials = labCredentials(lab);
  const services = await startServices(lab, {
    openrouterKey: credentials.openrouterKey,
    telegramToken: credentials.telegramToken,
    objectStore: { keyId: credentials.s3KeyId, secret: credentials.s3Secret },
    standInOpenclaw: process.env["HERMES_LAB_OPENCLAW"] === "stand-in",
  });
  const tailnet = await startTailnet(lab);
  const substrate = await ContainerSubstrate.open(lab, {
    caCertificate: readFileSync(services.caCertificatePath, "utf8"),
  });
  await startMetadata(lab);
  startPrivateProbe();
  mkdirSync(join(lab.dir, "digitalocean"), { recursive: true });
  const digitalocean = await startDigitalOcean({
    substrate,
    listen: { host: ADDRESSES.digitalocean.v4, port: ADDRESSES.digitalocean.port },
    stateFile: join(lab.dir, "digitalocean", "state.json"),
    token: credentials.digitaloceanToken,
    catalogue: labCatalogue(),
    timings: { activeMs: 0, actionMs: 500 },
  });
  substrate.on("stopped", (id) => digitalocean.noteOff(id));
  return { digitalocean, services, tailnet, substrate };
}

/** Something in a private range that answers, so that a droplet's account that gets no answer was kept from it. */
function startPrivateProbe(): void {
  const { v4, port } = ADDRESSES.privateProbe;
  createServer((_request, response) => response.end("private\n")).listen(port, v4);
}

async function answerControl(parts: Parts, path: string, body: unknown): Promise<unknown> {
  const [part, ...rest] = path.replace(/^\//, "").split("/");
  const below = rest.join("/");
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  switch (part) {
    case "ready":
      return { ready: true };
    case "digitalocean":
      return parts.digitalocean.handleControl(below, body).body;
    case "services":
      return await parts.services.handleControl(below, fields);
    case "tailscale":
      return parts.tailnet.handleControl(below, fields);
    default:
      throw new Error(`unknown path ${path}`);
  }
}

function serveControl(lab: Lab, parts: Parts): Server {
  rmSync(controlSocket(lab), { force: true });
  const server = createServer((request, response) => {
    readJson(request)
      .then((body) => answerControl(parts, request.url ?? "", body))
      .then(
        (reply) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(reply ?? null)),
        (error: Error) => response.writeHead(400).end(error.message),
      );
  });
  return server.listen(controlSocket(lab));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}

async function main(project: string, instance: string): Promise<void> {
  const lab = labOf(project, instance);
  const parts = await start(lab);
  const control = serveControl(lab, parts);
  const stop = async (): Promise<void> => {
    control.close();
    await parts.digitalocean.stop();
    parts.substrate.close();
    await parts.tailnet.stop();
    await parts.services.stop();
    process.exit(0);
  };
  process.once("SIGTERM", () => void stop());
  process.once("SIGINT", () => void stop());
}

const [project, instance] = process.argv.slice(2);
if (project === undefined || instance === undefined) throw new Error("usage: daemon.ts PROJECT INSTANCE");
main(project, instance).catch((error: unknown) => {
  console.error(error);
  // What waits for the daemon reads its last words here, not in a log that it has to find.
  writeFileSync(join(labOf(project, instance).dir, "daemon.failed"), String(error));
  process.exit(1);
});
