/** Everything that a run leaves behind, as the emulators and the engine have it. */
export interface Raw {
  deployment: {
    resources?: RawResource[];
    pending_operations?: { type: string; resource: { urn: string } }[];
  } | null;
  digitalocean: {
    tags: string[];
    keys: Record<string, { id: number; name: string; publicKey: string }>;
    firewalls: Record<string, { id: string; name: string } & Record<string, unknown>>;
    volumes: Record<string, { id: string; name: string; dropletId: number | null } & Record<string, unknown>>;
    droplets: Record<string, { id: number; name: string } & Record<string, unknown>>;
    problems: unknown[];
  };
  tailnet: {
    devices: { id: string; name: string; hostname: string; tags: string[] }[];
    keys: { id: string; description: unknown; invalid: unknown }[];
  };
  /** What each droplet's gateway was given, by droplet's id. */
  applied: Record<string, unknown>;
}

interface RawResource {
  urn: string;
  type: string;
  id?: string;
  inputs?: unknown;
  protect?: boolean;
  initErrors?: string[];
  delete?: boolean;
}

/** The same for two runs that ended the same, whatever ids and addresses they were given. */
export interface EndState {
  resources: unknown[];
  pending: string[];
  account: Record<string, unknown[]>;
  tailnet: unknown[];
  droplets: unknown[];
}

/** Marks a secret in an exported state; its ciphertext is new each time. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";
const NO_MATTER = new Set(["createdAt", "host", "userDataSha1", "dropletId", "volumeIds", "id"]);

export function endState(raw: Raw): EndState {
  const plain = replacer(raw);
  const { digitalocean: account } = raw;
  const objects = (kind: Record<string, Record<string, unknown>>): unknown[] =>
    sorted(
      Object.values(kind).map((each) =>
        plain(Object.fromEntries(Object.entries(each).filter(([key]) => !NO_MATTER.has(key)))),
      ),
    );
  return {
    resources: sorted(
      (raw.deployment?.resources ?? []).map(({ urn, type, id, inputs, protect, initErrors, delete: dying }) =>
        plain({
          type,
          name: urn.split("::").at(-1),
          // Random for what has no id of its own: components, commands, providers.
          ...(type.startsWith("digitalocean:") ? { id } : {}),
          inputs,
          protect: protect === true,
          initErrors: initErrors ?? [],
          dying: dying === true,
        }),
      ),
    ),
    pending: (raw.deployment?.pending_operations ?? []).map(({ type, resource }) => `${type} ${resource.urn}`),
    account: {
      tags: [...account.tags].sort(),
      keys: objects(account.keys),
      firewalls: objects(account.firewalls),
      volumes: sorted(
        Object.values(account.volumes).map(({ name, sizeGiB, region, dropletId }) =>
          plain({ name, sizeGiB, region, heldBy: dropletId === null ? null : String(dropletId) }),
        ),
      ),
      droplets: objects(account.droplets),
      problems: account.problems,
    },
    tailnet: sorted(raw.tailnet.devices.map(({ name, hostname, tags }) => ({ name, hostname, tags }))),
    droplets: sorted(Object.values(raw.applied).map(plain)),
  };
}

/** Auth keys that no resource holds and no droplet spent. Single use, one hour: they end by themselves. */
export function leftKeys({ deployment, tailnet }: Raw): number {
  const held = new Set((deployment?.resources ?? []).map(({ id }) => id));
  return tailnet.keys.filter(({ id, invalid }) => !held.has(id) && invalid !== true).length;
}

/** Puts names in the place of ids and addresses, and one word in the place of every secret. */
function replacer({ digitalocean, tailnet }: Raw): (value: unknown) => unknown {
  const names = new Map<string, string>();
  for (const { id, name } of Object.values(digitalocean.keys)) names.set(String(id), `<key ${name}>`);
  for (const { id, name } of Object.values(digitalocean.firewalls)) names.set(id, `<firewall ${name}>`);
  for (const { id, name } of Object.values(digitalocean.volumes)) names.set(id, `<volume ${name}>`);
  for (const { id, name } of Object.values(digitalocean.droplets)) names.set(String(id), `<droplet ${name}>`);
  for (const { id, hostname } of tailnet.devices) names.set(id, `<node ${hostname}>`);
  const inText = (text: string): string =>
    names.get(text) ??
    text
      .replace(/--key k\S+/g, "--key <auth key>")
      .replace(/\b127\.77\.\d+\.\d+\b/g, "<address>")
      .replace(/\b198\.51\.100\.\d+\b/g, "<ipv4>");
  const replace = (value: unknown): unknown => {
    if (typeof value === "string") return inText(value);
    if (typeof value === "number") return names.get(String(value)) ?? value;
    if (Array.isArray(value)) return value.map(replace);
    if (typeof value !== "object" || value === null) return value;
    if (SECRET_MARK in value) return "[secret]";
    const keys = Object.keys(value).sort();
    return Object.fromEntries(keys.map((key) => [key, replace((value as Record<string, unknown>)[key])]));
  };
  return replace;
}

const sorted = (list: unknown[]): unknown[] =>
  [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/** Each place in which the two differ, as a line; none when they are the same. */
export function differences(clean: EndState, found: EndState): string[] {
  const parts = (state: EndState): [string, unknown[]][] => [
    ["resource", state.resources],
    ["pending operation", state.pending],
    ...Object.entries(state.account).map(([kind, list]): [string, unknown[]] => [kind, list]),
    ["tailnet node", state.tailnet],
    ["droplet's content", state.droplets],
  ];
  const there = parts(found);
  return parts(clean).flatMap(([what, wanted], index) => {
    const missing = wanted.map((each) => JSON.stringify(each));
    const extra: string[] = [];
    for (const each of there[index]?.[1] ?? []) {
      const place = missing.indexOf(JSON.stringify(each));
      if (place < 0) extra.push(JSON.stringify(each));
      else missing.splice(place, 1);
    }
    return [
      ...missing.map((each) => `${what} missing: ${each.slice(0, 300)}`),
      ...extra.map((each) => `${what} too many: ${each.slice(0, 300)}`),
    ];
  });
}
