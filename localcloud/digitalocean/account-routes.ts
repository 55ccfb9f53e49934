import { createHash } from "node:crypto";
import type { Cloud } from "./cloud";
import { notFound, unprocessable } from "./errors";
import { paged, param, required, route, text, type Route } from "./route";
import type { KeyRecord } from "./state";
import { accountView, actionView, keyView, regionView, sizeView } from "./views";

const TAKEN_KEY = "SSH Key is already in use on your account";
const BAD_KEY = "Key invalid, key should be of the format `type key [comment]`";

/** MD5 of the key blob, the form in which the API names keys. */
function fingerprintOf(publicKey: string): string {
  const [type, blob] = publicKey.trim().split(/\s+/);
  const bytes = Buffer.from(blob ?? "", "base64");
  if (type === undefined || bytes.length < 32 || !bytes.includes(type)) throw unprocessable(BAD_KEY);
  return createHash("md5")
    .update(bytes)
    .digest("hex")
    .replace(/..(?=.)/g, "$&:");
}

function keyBy(cloud: Cloud, identifier: string): KeyRecord {
  const key = Object.values(cloud.state.keys).find((k) => String(k.id) === identifier || k.fingerprint === identifier);
  if (key === undefined) throw notFound();
  return key;
}

export const accountRoutes: Route[] = [
  route("GET", "/v2/account", () => ({ status: 200, body: { account: accountView() } })),
  route("GET", "/v2/sizes", (cloud, call) => paged("sizes", cloud.catalogue.map(sizeView), call)),
  route("GET", "/v2/regions", (cloud, call) =>
    paged(
      "regions",
      cloud.regions.map((slug) => regionView(cloud, slug)),
      call,
    ),
  ),
  route("GET", "/v2/account/keys", (cloud, call) =>
    paged("ssh_keys", Object.values(cloud.state.keys).map(keyView), call),
  ),
  route("POST", "/v2/account/keys", (cloud, { body }) => {
    const name = required(body, "name", "Name can't be blank");
    const publicKey = required(body, "public_key", BAD_KEY);
    const fingerprint = fingerprintOf(publicKey);
    if (Object.values(cloud.state.keys).some((key) => key.fingerprint === fingerprint)) throw unprocessable(TAKEN_KEY);
    const key = { id: cloud.newId(), name, publicKey, fingerprint };
    cloud.state.keys[String(key.id)] = key;
    return { status: 201, body: { ssh_key: keyView(key) } };
  }),
  route("GET", "/v2/account/keys/:key", (cloud, call) => ({
    status: 200,
    body: { ssh_key: keyView(keyBy(cloud, param(call))) },
  })),
  route("PUT", "/v2/account/keys/:key", (cloud, call) => {
    const key = keyBy(cloud, param(call));
    key.name = text(call.body, "name") ?? key.name;
    return { status: 200, body: { ssh_key: keyView(key) } };
  }),
  route("DELETE", "/v2/account/keys/:key", (cloud, call) => {
    delete cloud.state.keys[String(keyBy(cloud, param(call)).id)];
    return { status: 204 };
  }),

  route("GET", "/v2/actions", (cloud, call) =>
    paged(
      "actions",
      Object.values(cloud.state.actions).map((action) => actionView(cloud, action)),
      call,
    ),
  ),
  route("GET", "(?:/v2/droplets/\\d+|/v2/volumes/[^/]+|/v2)/actions/:action", (cloud, call) => {
    const action = cloud.state.actions[param(call)];
    if (action === undefined) throw notFound();
    return { status: 200, body: { action: actionView(cloud, action) } };
  }),
];
