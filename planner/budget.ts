import type { LocalModel } from "./local-models";
import { MEASURED, type Constants } from "./measured";
import { headroomMiB, memTotalMiB } from "./memory";
import type { Budget, CacheType, Load, MemoryLine, Outcome } from "./types";

/** Physical batch that the compute buffers of models.json are for; Ollama itself would take 2048 above 32K tokens. */
export const BATCH = 512;

/** Size of a cached value against f16's: blocks of 32 values take 34 bytes (q8_0) or 18 (q4_0) instead of 64. */
const CACHE_RATIO: Readonly<Record<CacheType, number>> = { f16: 1, q8_0: 34 / 64, q4_0: 18 / 64 };

const MIB = 2 ** 20;

/** Bytes of KV cache for one token. */
export function kvBytesPerToken(model: LocalModel, cacheType: CacheType): number {
  const values = model.fullAttentionLayers * model.kvHeads * (model.kDim + model.vDim);
  return values * 2 * CACHE_RATIO[cacheType];
}

/**
 * What a droplet's memory is for, line by line.
 * @param nominalMiB memory of the size, as it is sold
 * @param model absent: no local model, and no headroom asked for
 */
export function budget(nominalMiB: number, load: Load, model?: LocalModel, constants: Constants = MEASURED): Budget {
  const memTotal = memTotalMiB(nominalMiB);
  const lines = inWholeMiB([...baseLines(load, constants), ...(model ? modelLines(model, load, constants) : [])]);
  return {
    lines,
    totalMiB: sumMiB(lines),
    headroomMiB: model ? headroomMiB(memTotal, constants) : 0,
    memTotalMiB: memTotal,
  };
}

/** Whether the sum goes into MemTotal: with headroom, without, or not at all. */
export function fit({ totalMiB, headroomMiB, memTotalMiB }: Omit<Budget, "lines">): Outcome {
  if (totalMiB + headroomMiB <= memTotalMiB) return "fits";
  return totalMiB <= memTotalMiB ? "tight" : "no";
}

/** Sum of the lines, or of those of one part. */
export function sumMiB(lines: readonly MemoryLine[], part?: MemoryLine["part"]): number {
  return lines.reduce((sum, line) => (part === undefined || line.part === part ? sum + line.mib : sum), 0);
}

function baseLines({ agents, stdioMcpServers }: Load, constants: Constants): MemoryLine[] {
  const further = Math.max(0, agents - 1);
  const copies = stdioMcpServers * Math.max(1, agents);
  return [
    { what: "system", mib: constants.systemMiB, part: "system" },
    { what: "gateway with its first agent", mib: constants.gatewayMiB, part: "gateway" },
    { what: counted(further, "further agent"), mib: further * constants.furtherAgentMiB, part: "gateway" },
    { what: mcpLine(stdioMcpServers, agents), mib: copies * constants.stdioMcpServerMiB, part: "gateway" },
  ];
}

/** Each agent's session starts its own copy of each server. */
function mcpLine(servers: number, agents: number): string {
  return `${counted(servers, "stdio MCP server")}${agents > 1 ? `, one each for ${agents} agents` : ""}`;
}

function modelLines(model: LocalModel, { localModel: request }: Load, constants: Constants): MemoryLine[] {
  const ratio = CACHE_RATIO[request.cacheType];
  const context = `${grouped(request.contextTokens)} tokens, ${request.cacheType}`;
  const checkpoints = model.engine === "ollama" ? constants.checkpoints : constants.llamaCppCheckpoints;
  const figures: [what: string, mib: number][] = [
    [`weights of ${model.tag}`, model.fileBytes / MIB],
    [`KV cache, ${context}`, (request.contextTokens * kvBytesPerToken(model, request.cacheType)) / MIB],
    [`sliding-window cache, ${request.cacheType}`, model.slidingWindowMiB * ratio],
    ["recurrent state", model.recurrentStateMiB],
    [`${checkpoints} checkpoints of it`, checkpoints * model.recurrentStateMiB],
    // Kept unquantised.
    ["sliding windows kept", constants.slidingWindowCopies * model.slidingWindowMiB],
    [`compute buffer, batch ${BATCH}`, model.computeMiB],
    ["prompt cache, capped", constants.promptCacheMiB],
    ["ollama serve", constants.ollamaServeMiB],
    ["model runner", constants.runnerMiB],
  ];
  return figures.map(([what, mib]) => ({ what, mib, part: "local model" }));
}

/**
 * Lines in whole MiB whose sum is the rounded sum: what a line loses or gains by rounding goes on to the next.
 * Lines of nothing are left out.
 */
function inWholeMiB(lines: readonly MemoryLine[]): MemoryLine[] {
  let exact = 0;
  let whole = 0;
  const rounded = lines.map((line) => {
    exact += line.mib;
    const mib = Math.round(exact) - whole;
    whole += mib;
    return { ...line, mib };
  });
  return rounded.filter(({ mib }) => mib !== 0);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** 65,536 */
export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
