import { formatProblems } from "../../config";
import type { HermesConfig } from "../../config/types";
import { listedModels, modelEntry } from "../../localcloud/services/openrouter-models";
import { checkChain } from "../../operations/preflight/model-chain";
import {
  shippedList,
  findModel,
  isFree,
  parseEntry,
  whatBecameOf,
  type ListedModel,
  type ModelList,
} from "../../planner/openrouter/list";
import { hermesStack } from "./config-fixture";

const NOW = new Date("2026-11-22T12:00:00Z");
const GEMMA = "google/gemma-4-31b-it:free";
const PAID = "openai/gpt-oss-20b";

/** What OpenRouter lists, read from the stand-in's entries, with some models changed or (null) taken away. */
function live(changes: Record<string, Partial<ListedModel> | null> = {}): ModelList {
  const entries = [...listedModels().values()].map(modelEntry).flatMap((entry) => parseEntry(entry) ?? []);
  const byId = new Map(entries.map((model) => [model.id, model]));
  for (const [id, change] of Object.entries(changes)) {
    if (change === null) byId.delete(id);
    else byId.set(id, { id, ...byId.get(id), ...change });
  }
  return { models: [...byId.values()], source: "live" };
}

const offline = (): ModelList => ({ ...shippedList(), failure: "ENOTFOUND" });

type Change = Partial<HermesConfig["models"]> & { coder?: string };

function check({ coder, ...models }: Change, list: ModelList = live()) {
  const main = { workspace: "w", bindings: [] };
  const agents = { main, ...(coder === undefined ? {} : { coder: { ...main, model: coder } }) };
  const chain = { primary: `openrouter/${GEMMA}`, fallbacks: [], allowUnknown: false, allowPaid: false, ...models };
  return checkChain({ models: chain, agents }, list, NOW);
}

const faults = (change: Change, list?: ModelList): string[] =>
  check(change, list).problems.map(({ key, wrong }) => `${key}: ${wrong}`);

describe("the chain", () => {
  it("of the committed stack has nothing to say, live or not, but that it was not checked live", () => {
    const { primary, fallbacks } = hermesStack()["models"] as { primary: string; fallbacks: string[] };
    expect(check({ primary, fallbacks })).toEqual({ problems: [], warnings: [], notes: [], prices: {} });
    const { problems, warnings } = check({ primary, fallbacks }, offline());
    expect(problems).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/not checked live.*ENOTFOUND.*2026-11-10/)]);
  });

  it("is told where an id is missing, in every place, with what to write instead", () => {
    const { problems } = check({
      primary: "openrouter/google/gemma-3-4b-it:free",
      fallbacks: ["openrouter/google/gemma-4-31b:free", "openrouter/meta-llama/llama-3.1-8b-instruct:free"],
      coder: "openrouter/google/gemma-4-31b:free",
    });
    expect(formatProblems("hermes", problems)).toMatchSnapshot();
  });

  it("is not told of ids that are no replacement", () => {
    const bad = { tools: false };
    const list = live({
      [GEMMA]: bad,
      "google/gemma-4-31b:free": { ...bad, contextLength: 262_144, price: { input: 0, output: 0 } },
      "google/gemma-4-26b-a4b-it:free": { contextLength: 32_768 },
      "cohere/north-mini-code:free": { expires: "2026-12-10" },
    });
    const [problem] = check({ primary: "openrouter/google/gemma-4-31b-i:free" }, list).problems;
    expect(problem?.fix).toMatch(/free models with tools.* openrouter\//);
    for (const id of ["gemma", "cohere", "openrouter/openrouter", "gpt-oss-20b"])
      expect(problem?.fix).not.toContain(id);
    expect(
      check({ primary: "openrouter/a/b:free" }, { models: [{ id: "x/y" }], source: "live" }).problems[0]?.fix,
    ).toBe("The list is on https://openrouter.ai/models.");
  });

  it("is not told to name a model twice", () => {
    const fallbacks = ["openrouter/google/gemma-4-26b-a4b-it:free"];
    const [problem] = check({ primary: "openrouter/google/gemma-4-26b-it:free", fallbacks }).problems;
    expect(problem?.fix).toBe(`Write openrouter/${GEMMA}, the nearest free models with tools.`);
  });

  it("takes unknown ids with a word where that is allowed", () => {
    const { problems, warnings } = check({ primary: "openrouter/no/such:free", allowUnknown: true });
    expect(problems).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/models\.primary.*no\/such:free.*does not list it.*allowUnknown/)]);
  });

  it("says once what it knows of a model that stands in several places", () => {
    const soon = live({ [GEMMA]: { expires: "2026-12-10" } });
    const { warnings } = check({ coder: `openrouter/${GEMMA}` }, soon);
    expect(warnings).toEqual([expect.stringMatching(/^hermes:models\.primary .* goes away on 2026-12-10\. Write/)]);
  });

  it.each<[string, Partial<ListedModel>, string[]]>([
    ["no tools", { tools: false }, ["it cannot call tools, and the agent would lose them without a word"]],
    ["a past end", { expires: "2026-11-22" }, ["OpenRouter does not list it: it went away on 2026-11-22"]],
    ["an end tomorrow", { expires: "2026-11-23" }, []],
    [
      "a context below what a turn takes",
      { contextLength: 32_767 },
      [expect.stringMatching(/32,767 tokens is too short/)],
    ],
    ["a short context", { contextLength: 32_768 }, []],
    ["a price for prompts", { price: { input: 0.1, output: 0 } }, ["it costs $0.10 per million tokens in, $0.00 out"]],
    [
      "a price for answers",
      { price: { input: 0, output: 1.125 } },
      ["it costs $0.00 per million tokens in, $1.125 out"],
    ],
  ])("refuses or takes a model with %s", (_, change, wrong) => {
    expect(check({}, live({ [GEMMA]: change })).problems.map((problem) => problem.wrong)).toEqual(wrong);
  });

  it.each<[string, Partial<ListedModel>, RegExp]>([
    ["a short context", { contextLength: 65_535 }, /65,535 tokens is short; from 65,536/],
    ["an end within a month", { expires: "2026-12-22" }, /goes away on 2026-12-22/],
  ])("warns of %s", (_, change, said) => {
    expect(check({}, live({ [GEMMA]: change }))).toMatchObject({
      problems: [],
      warnings: [expect.stringMatching(said)],
    });
  });

  it("is silent about an end in a month and a day", () => {
    expect(check({}, live({ [GEMMA]: { expires: "2026-12-23" } })).warnings).toEqual([]);
  });

  it("warns of what the list leaves open, and refuses nothing for it", () => {
    const bare = parseEntry({ id: GEMMA }) as ListedModel;
    expect(check({}, { models: [bare], source: "live" })).toMatchObject({
      problems: [],
      warnings: [expect.stringMatching(/whether it calls tools/), expect.stringMatching(/how long its context/)],
    });
  });
});

describe("a paid model", () => {
  it("is refused, whoever names it", () => {
    const said = "it costs $0.03 per million tokens in, $0.13 out";
    expect(faults({ fallbacks: [`openrouter/${PAID}`], coder: `openrouter/${PAID}` })).toEqual([
      `hermes:models.fallbacks[0]: ${said}`,
      `hermes:agents.coder.model: ${said}`,
    ]);
    expect(faults({ primary: `openrouter/${PAID}` }, offline())).toEqual([`hermes:models.primary: ${said}`]);
  });

  it("is taken with its price said, where that is allowed", () => {
    const { problems, warnings, notes, prices } = check({ fallbacks: [`openrouter/${PAID}:nitro`], allowPaid: true });
    expect([problems, warnings]).toEqual([[], []]);
    expect(notes).toEqual([expect.stringMatching(/fallbacks\[0\].*costs \$0\.03 per million tokens in, \$0\.13 out/)]);
    expect(prices).toEqual({ [`${PAID}:nitro`]: { input: 0.03, output: 0.13 } });
  });

  it("is proposed only where it is allowed", () => {
    const missing = { primary: "openrouter/openai/gpt-oss-20b:free" };
    expect(check(missing).problems[0]?.fix).not.toContain(PAID);
    expect(check({ ...missing, allowPaid: true }).problems[0]?.fix).toContain(`openrouter/${PAID}`);
  });

  it("is what the router over all models is, since its price is not known", () => {
    for (const primary of ["openrouter/auto", "openrouter/openrouter/auto"]) {
      for (const list of [live(), live({ "openrouter/auto": null }), offline()])
        expect(faults({ primary }, list)).toEqual([expect.stringMatching(/not known, so it counts as paid/)]);
      expect(check({ primary, allowPaid: true }).notes).toEqual([expect.stringMatching(/does not tell/)]);
    }
  });

  it("is what Anthropic's are, listed or not, and they have their own words", () => {
    for (const primary of ["openrouter/anthropic/claude-sonnet-5", "openrouter/anthropic/claude-sonnet-99"])
      for (const allowUnknown of [false, true])
        expect(faults({ primary, allowUnknown })).toEqual([
          "hermes:models.primary: Anthropic's models are paid, and this stack runs without Anthropic credits",
        ]);
    const allowed = check({ primary: "openrouter/anthropic/claude-sonnet-5", allowPaid: true });
    expect(allowed).toMatchObject({ problems: [], notes: [expect.stringContaining("$2.00 per million tokens in")] });
  });
});

describe("the router over free models", () => {
  it("passes in both spellings, whether or not the list has it", () => {
    for (const primary of ["openrouter/free", "openrouter/openrouter/free"])
      for (const list of [live(), live({ "openrouter/free": null }), offline()])
        expect(check({ primary }, list).problems).toEqual([]);
  });
});

describe("without OpenRouter's list", () => {
  it("an id that hermes does not know is no error, and one that it knows to be gone is", () => {
    const { problems, warnings } = check(
      { primary: "openrouter/new/model:free", fallbacks: ["openrouter/google/gemma-3-4b-it:free"] },
      offline(),
    );
    expect(warnings).toEqual([
      expect.stringContaining("not checked live"),
      expect.stringMatching(/models\.primary.*lacks it\. Whether it exists, calls tools and is free was not checked/),
    ]);
    expect(problems).toMatchObject([
      { key: "hermes:models.fallbacks[0]", wrong: expect.stringMatching(/removed in May 2026/) },
    ]);
  });

  it("a chain of local models asks nothing", () => {
    expect(check({ primary: "ollama/qwen3.5:9b" }, offline()).warnings).toEqual([]);
  });
});

describe("the shipped list", () => {
  it("knows no id as offered and gone at once, and each once", () => {
    const ids = shippedList().models.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter(whatBecameOf)).toEqual([]);
  });

  it("has what every model of the committed stack needs", () => {
    const { primary, fallbacks } = hermesStack()["models"] as { primary: string; fallbacks: string[] };
    for (const model of [primary, ...fallbacks].map((each) => each.replace(/^openrouter\//, ""))) {
      const found = findModel(shippedList().models, model) as ListedModel;
      expect(found).toMatchObject({ id: model, tools: true });
      expect(isFree(found)).toBe(true);
      expect(found.contextLength).toBeGreaterThanOrEqual(65_536);
    }
  });
});

describe("an entry of OpenRouter's list", () => {
  it("is read whole", () => {
    const entry = {
      id: "a/b",
      context_length: 131_072,
      pricing: { prompt: "0.00000003", completion: "0.00000013", request: "0" },
      top_provider: { context_length: 65_536, max_completion_tokens: 8192 },
      supported_parameters: ["tools"],
      expiration_date: "2026-12-31",
    };
    expect(parseEntry(entry)).toEqual({
      id: "a/b",
      contextLength: 131_072,
      maxOutput: 8192,
      tools: true,
      price: { input: 0.03, output: 0.13 },
      expires: "2026-12-31",
    });
  });

  it.each([null, 7, "a/b", [], {}, { id: 7 }, { id: "" }])("is none without an id: %j", (entry) => {
    expect(parseEntry(entry)).toBeUndefined();
  });

  it.each([
    [{ context_length: "long", top_provider: null, expiration_date: "some day" }, { id: "a/b" }],
    [{ supported_parameters: null }, { id: "a/b" }],
    [{ pricing: { prompt: "0" } }, { id: "a/b" }],
    [{ pricing: { prompt: "-1", completion: "-1" } }, { id: "a/b" }],
    [{ pricing: { prompt: "", completion: "free" } }, { id: "a/b" }],
    [{ pricing: { prompt: "0", completion: "0", request: "0.01" } }, { id: "a/b" }],
    [{ pricing: { prompt: 0, completion: 0 } }, { id: "a/b", price: { input: 0, output: 0 } }],
  ])("says only what it says: %j", (fields, expected) => {
    expect(parseEntry({ id: "a/b", ...fields })).toEqual(expected);
  });
});
