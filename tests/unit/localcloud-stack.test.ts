import { mergeStackFile } from "../../localcloud/stack/merge";

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
