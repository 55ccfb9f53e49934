import fc from "fast-check";
import { chainOf, ownChainOf } from "../../gateway/model-chain";
import { openrouterRow } from "../../gateway/model-rows";
import { hermesConfig } from "../fixtures/gateway-config";

const TAG = "qwen3.5:9b";
const LOCAL = `ollama/${TAG}`;

const config = (primary: string, ...fallbacks: string[]) => ({
  models: { ...hermesConfig.models, primary, fallbacks },
});

describe("the chain of openclaw.json", () => {
  it("is the configured one where nothing runs on the droplet", () => {
    expect(chainOf(config("openrouter/a/b", "openrouter/free"))).toEqual({
      primary: "openrouter/a/b",
      fallbacks: ["openrouter/free"],
    });
  });

  it("ends with the local model that the plan installs", () => {
    expect(chainOf(config("openrouter/a/b", "openrouter/free"), TAG).fallbacks).toEqual(["openrouter/free", LOCAL]);
  });

  it("keeps the local model where the configuration places it", () => {
    expect(chainOf(config("openrouter/a/b", LOCAL, "openrouter/free"), TAG).fallbacks).toEqual([
      LOCAL,
      "openrouter/free",
    ]);
    expect(chainOf(config(LOCAL, "openrouter/a/b"), TAG)).toEqual({ primary: LOCAL, fallbacks: ["openrouter/a/b"] });
  });

  it("leaves out a local model that is not installed, also as primary", () => {
    expect(chainOf(config("openrouter/a/b", LOCAL))).toEqual({ primary: "openrouter/a/b", fallbacks: [] });
    expect(chainOf(config(LOCAL, "openrouter/a/b"))).toEqual({ primary: "openrouter/a/b", fallbacks: [] });
    expect(chainOf(config(LOCAL))).toEqual({ primary: LOCAL, fallbacks: [] });
  });

  it("never loses, doubles or reorders a remote model, whatever is installed", () => {
    const remote = fc.stringMatching(/^openrouter\/[a-z]{1,5}\/[a-z]{1,5}$/);
    const chain = fc.uniqueArray(fc.oneof(remote, fc.constant(LOCAL)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(chain, fc.constantFrom(undefined, TAG), ([first = "", ...rest], installed) => {
        const { primary, fallbacks } = chainOf(config(first, ...rest), installed);
        const all = [primary, ...fallbacks];
        const isRemote = (model: string): boolean => !model.startsWith("ollama/");
        expect(all.filter(isRemote)).toEqual([first, ...rest].filter(isRemote));
        expect(new Set(all).size).toBe(all.length);
        if (installed !== undefined) expect(all).toContain(LOCAL);
      }),
    );
  });
});

describe("the chain of an agent with a model of its own", () => {
  const stack = config("openrouter/a/b", "openrouter/openrouter/free");

  it("has the common chain after it, each model once", () => {
    expect(ownChainOf({ model: "openrouter/c/d" }, stack, TAG)).toEqual({
      primary: "openrouter/c/d",
      fallbacks: ["openrouter/a/b", "openrouter/openrouter/free", LOCAL],
    });
    expect(ownChainOf({ model: "openrouter/free" }, stack)?.fallbacks).toEqual(["openrouter/a/b"]);
  });

  it("is the common one without such a model, or with one that is not installed", () => {
    expect(ownChainOf({}, stack, TAG)).toBeUndefined();
    expect(ownChainOf({ model: LOCAL }, stack)).toBeUndefined();
    expect(ownChainOf({ model: LOCAL }, stack, TAG)?.primary).toBe(LOCAL);
  });
});

describe("a row of openclaw.json", () => {
  it("has the shipped list's figures, with answers bounded", () => {
    expect(openrouterRow("openrouter/google/gemma-4-31b-it:free")).toMatchObject({
      id: "google/gemma-4-31b-it:free",
      contextWindow: 262_144,
      maxTokens: 32_768,
    });
    expect(openrouterRow("openrouter/openai/gpt-oss-20b:nitro")).toMatchObject({
      id: "openai/gpt-oss-20b:nitro",
      contextWindow: 131_072,
      maxTokens: 32_768,
    });
    expect(openrouterRow("openrouter/free")).toMatchObject({ id: "openrouter/free", contextWindow: 200_000 });
  });

  it("promises little of a model that the shipped list lacks", () => {
    expect(openrouterRow("openrouter/no/such")).toEqual({
      id: "no/such",
      name: "no/such",
      contextWindow: 65_536,
      maxTokens: 8_192,
    });
  });
});
