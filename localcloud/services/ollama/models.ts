import { createCipheriv, createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { WEIGHTS_SHA256 } from "./weights";

export interface Blob {
  mediaType: string;
  /** SHA-256, hex. */
  digest: string;
  size: number;
  /** The bytes themselves, or the file that has them. */
  content: Buffer | string;
}

/** A model as a registry keeps it. */
export interface Model {
  config: Blob;
  layers: Blob[];
}

/** Size of a stand-in's weights, bytes: enough for a pull to be interrupted in the middle. */
const WEIGHTS_SIZE = 3 * 1024 * 1024;

/** Shows the tools to the model, so that Ollama takes it for one that can call them. */
const TEMPLATE = `{{- range .Tools }}{{ .Function }}
{{ end }}
{{- range .Messages }}<start_of_turn>{{ if eq .Role "assistant" }}model{{ else }}user{{ end }}
{{ .Content }}{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}{{ end }}<end_of_turn>
{{ end }}<start_of_turn>model
`;
const LICENSE = "The lab's stand-in for a model of this name. It knows nothing.\n";
const PARAMETERS = JSON.stringify({ stop: ["<end_of_turn>"], temperature: 0 });

const sha256 = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

function blob(kind: string, content: Buffer | string): Blob {
  const bytes = Buffer.from(content);
  return { mediaType: kind, digest: sha256(bytes), size: bytes.length, content: bytes };
}

const layer = (kind: string, content: Buffer | string): Blob => blob(`application/vnd.ollama.image.${kind}`, content);

const CONFIG_TYPE = "application/vnd.docker.container.image.v1+json";

/** What every model's configuration layer says, whatever the weights are. */
const CONFIG = { model_format: "gguf", architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } };

/**
 * A model of that name for the stand-in program: its weights are 3 MiB made from the name, so that two models differ
 * and one is always the same.
 *
 * @param contextLength tokens that it says to be trained for
 */
export function standInModel(name: string, contextLength: number, tools = true): Model {
  const family = name.replace(/:.*/, "").replace(/[^a-z0-9]/gi, "");
  const config = {
    ...CONFIG,
    model_family: family,
    model_families: [family],
    model_type: name.replace(/.*:/, "").toUpperCase(),
    file_type: "Q4_K_M",
    context_length: contextLength,
    capabilities: ["completion", ...(tools ? ["tools"] : [])],
  };
  return {
    config: blob(CONFIG_TYPE, JSON.stringify(config)),
    layers: [layer("model", weightsFor(name)), ...commonLayers()],
  };
}

const commonLayers = (): Blob[] => [
  layer("template", TEMPLATE),
  layer("license", LICENSE),
  layer("params", PARAMETERS),
];

/** A cipher's key stream: random to look at, and always the same. */
function weightsFor(name: string): Buffer {
  const key = createHash("sha256").update(name).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(WEIGHTS_SIZE));
}

/** The real 270M weights, for the real Ollama, whatever name they are asked for by. */
export async function realModel(weights: string): Promise<Model> {
  const { size } = await stat(weights);
  const config = {
    ...CONFIG,
    model_family: "gemma3",
    model_families: ["gemma3"],
    model_type: "268.10M",
    file_type: "Q4_K_M",
  };
  const model = { mediaType: "application/vnd.ollama.image.model", digest: WEIGHTS_SHA256, size, content: weights };
  return { config: blob(CONFIG_TYPE, JSON.stringify(config)), layers: [model, ...commonLayers()] };
}
