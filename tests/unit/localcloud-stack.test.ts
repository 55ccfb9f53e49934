import { NODE_DIGESTS, OLLAMA_DIGESTS } from "../../config/keys";
import { mergeStackFile } from "../../localcloud/stack/merge";
import { sourcesOverride } from "../../localcloud/stack/sources";

describe("the embedded cloud's stack file", () => {
  const committed = {
    config: { "hermes:size": "s-1vcpu-2gb", "hermes:sources": { node: { url: "u", sha256: "real" } } },
  };
  const overrides = { "hermes:sources": { node: { sha256: "lab" } } };

  it("is the committed one with the overrides on top, key by key", () => {
    expect(mergeStackFile(committed, undefined, undefined, overrides).config).toEqual({
      "hermes:size": "s-1vcpu-2gb",
      "hermes:sources": { node: { url: "u", sha256: "lab" } },
    });
  });

  it("keeps what `pulumi config set` wrote until the committed value changes", () => {
    const current = { config: { "hermes:size": "s-2vcpu-4gb", "hermes:secrets": { a: { secure: "v1:x" } } } };
    expect(mergeStackFile(committed, committed, current, {}).config).toMatchObject(current.config);
    const edited = { config: { ...committed.config, "hermes:size": "s-4vcpu-8gb" } };
    expect(mergeStackFile(edited, committed, current, {}).config).toMatchObject({ "hermes:size": "s-4vcpu-8gb" });
  });

  it("drops a key that was removed from the committed file", () => {
    const current = { config: { ...committed.config } };
    expect(mergeStackFile({ config: {} }, committed, current, {}).config).toEqual({});
  });

  it("keeps the engine's salt", () => {
    const current = { encryptionsalt: "v1:salt", config: {} };
    expect(mergeStackFile(committed, committed, current, {})).toMatchObject({ encryptionsalt: "v1:salt" });
  });
});

describe("the digests of what the lab serves", () => {
  const [digest = "", other = ""] = [NODE_DIGESTS["24.21.0"], NODE_DIGESTS["24.20.0"]];
  const served = { node: { sha256: "lab" }, tailscale: { fingerprint: "LAB" }, ollama: { sha256: "lab" } };
  const override = (declared: unknown, version = "24.21.0") => sourcesOverride(declared, served, version);

  it("stand in the place of the official ones, declared or not", () => {
    for (const declared of [undefined, {}, { node: { url: "u" } }, { node: { sha256: digest.toUpperCase() } }])
      expect(override(declared)).toEqual(served);
    const blanks = { tailscale: { fingerprint: "2596 A99E AAB3 3821 893C  0A79 458C A832 957F 5868" } };
    expect(override({ ...blanks, ollama: { sha256: OLLAMA_DIGESTS["0.24.0"] } })).toEqual(served);
  });

  it("hide no wrong one: it fails in the lab as on a real droplet", () => {
    expect(override({ node: { sha256: other } })).not.toHaveProperty("node");
    expect(override({ node: { sha256: "0".repeat(64) } })).not.toHaveProperty("node");
    expect(override({ ollama: { sha256: "0".repeat(64) } })).not.toHaveProperty("ollama");
    expect(override({ tailscale: { fingerprint: "0".repeat(40) } })).not.toHaveProperty("tailscale");
  });

  it("stand in for no version whose digest hermes does not know: the preview asks for one", () => {
    expect(override({}, "24.99.0")).toEqual({ tailscale: served.tailscale, ollama: served.ollama });
  });
});
