import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { PluginAttach, PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct, type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";
import type { Change } from "./diff";
import { checkInputs, diffResource, inputsAfterRead, previewOfCreate, previewOfUpdate } from "./lifecycle";
import { PartialFailure, type Context, type Plugin, type ResourceType } from "./resource";
import { isObject, UNKNOWN, withoutDefaults, type Values } from "./values";

/**
 * Serves a provider plugin: prints the port, then speaks the engine's protocol.
 *
 * It stands on the protocol's own service rather than on `pulumi.provider.main`, whose server drops what matters here:
 * previews, timeouts, detailed diffs, old inputs, configuration. It also starts in a fraction of the time.
 * Secrets are declined (`acceptSecrets`), so the engine itself keeps every output secret whose input is.
 */
export function servePlugin(plugin: Plugin, args: string[]): void {
  const engine = runOf(args.find((argument) => /^[\w.[\]:-]+:\d+$/.test(argument)));
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  server.addService(ResourceProviderService, serviceOf(plugin, engine));
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.stdout.write(`${port}\n`);
  });
  // The engine ends its plugins by SIGINT, and waits 5 s for each that does not listen.
  process.on("SIGINT", () => process.exit(0));
  endWithParent();
}

/** A killed engine can't stop its plugins. */
function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.exit(1), 1000).unref();
}

type Log = (urn: string, message: string) => void;

/** What belongs to one run of an engine. A plugin that engines attach to serves several, one after another. */
interface Run {
  abort: AbortController;
  log: Log;
}

const runOf = (engine: string | undefined): Run => ({ abort: new AbortController(), log: engineLog(engine) });

function engineLog(address: string | undefined): Log {
  if (address === undefined) return () => undefined;
  const client = new EngineClient(address, grpc.credentials.createInsecure());
  return (urn, message) => {
    const request = new LogRequest();
    request.setSeverity(LogSeverity.INFO);
    request.setUrn(urn);
    request.setMessage(message);
    client.log(request, () => undefined);
  };
}

type Handler<Request, Response> = (request: Request, context: Context) => Promise<Response>;
type StructMessage = { toJavaScript(): unknown } | undefined;

const values = (struct: StructMessage): Values => (struct?.toJavaScript() ?? {}) as Values;
const struct = (from: Values): Struct => Struct.fromJavaScript(from as Record<string, JavaScriptValue>);
const typeOf = (urn: string): string => urn.split("::")[2]?.split("$").pop() ?? "";

function serviceOf(plugin: Plugin, run: Run): grpc.UntypedServiceImplementation {
  const resource = (urn: string): ResourceType => {
    const found = plugin.resources[typeOf(urn)];
    if (found === undefined) throw new Error(notHere(plugin, typeOf(urn), Object.keys(plugin.resources)));
    return found;
  };
  const contextOf = (urn: string, timeoutSeconds = 0): Context => ({
    urn,
    timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1000 : undefined,
    signal: run.abort.signal,
    log: (message) => run.log(urn, message),
  });
  const unary =
    <Request, Response>(handle: Handler<Request, Response>): grpc.handleUnaryCall<Request, Response> =>
    (call, callback) => {
      const request = call.request as Request & { getUrn?(): string; getTimeout?(): number };
      // Inside the promise, so that what a handler throws at once is an answer too.
      Promise.resolve()
        .then(() => handle(call.request, contextOf(request.getUrn?.() ?? "", request.getTimeout?.() ?? 0)))
        .then(
          (response) => callback(null, response),
          (error: unknown) => callback(grpcError(error)),
        );
    };

  return {
    checkConfig: unary(async (request: messages.CheckRequest) => {
      const response = new messages.CheckResponse();
      response.setInputs(request.getNews());
      return response;
    }),
    diffConfig: unary(async () => new messages.DiffResponse()),
    configure: unary(async (request: messages.ConfigureRequest) => {
      plugin.configure(values(request.getArgs()));
      const response = new messages.ConfigureResponse();
      response.setSupportspreview(true);
      return response;
    }),
    getPluginInfo: unary(async () => {
      const info = new PluginInfo();
      info.setVersion(plugin.version);
      return info;
    }),
    getSchema: unary(async () => {
      const response = new messages.GetSchemaResponse();
      response.setSchema("{}");
      return response;
    }),
    attach: unary(async (request: PluginAttach) => {
      Object.assign(run, runOf(request.getAddress()));
      return new Empty();
    }),
    cancel: unary(async () => {
      run.abort.abort(new Error("cancelled"));
      return new Empty();
    }),
    invoke: unary((request: messages.InvokeRequest, context) => invoke(plugin, request, context)),
    check: unary((request: messages.CheckRequest) => check(resource(request.getUrn()), request)),
    diff: unary((request: messages.DiffRequest) => diff(resource(request.getUrn()), request)),
    create: unary((request: messages.CreateRequest, context) => create(resource(request.getUrn()), request, context)),
    read: unary((request: messages.ReadRequest, context) => read(resource(request.getUrn()), request, context)),
    update: unary((request: messages.UpdateRequest, context) => update(resource(request.getUrn()), request, context)),
    delete: unary(async (request: messages.DeleteRequest, context) => {
      await resource(request.getUrn()).delete(request.getId(), values(request.getProperties()), context);
      return new Empty();
    }),
  };
}

const notHere = (plugin: Plugin, wanted: string, known: string[]): string =>
  `the stand-in for the ${plugin.name} provider has no ${wanted}; it has ${known.sort().join(", ")}. ` +
  "The official provider has all: install it, or take the resource out on the embedded cloud.";

async function invoke(plugin: Plugin, request: messages.InvokeRequest, context: Context): Promise<unknown> {
  const call = plugin.functions[request.getTok()];
  if (call === undefined) throw new Error(notHere(plugin, request.getTok(), Object.keys(plugin.functions)));
  const response = new messages.InvokeResponse();
  response.setReturn(struct(await call(values(request.getArgs()), context)));
  return response;
}

async function check(type: ResourceType, request: messages.CheckRequest): Promise<unknown> {
  const { inputs, failures } = checkInputs(
    type,
    request.getUrn(),
    values(request.getOlds()),
    values(request.getNews()),
  );
  const response = new messages.CheckResponse();
  response.setInputs(struct(inputs));
  response.setFailuresList(
    failures.map(({ property, reason }) => {
      const failure = new messages.CheckFailure();
      failure.setProperty(property);
      failure.setReason(reason);
      return failure;
    }),
  );
  return response;
}

async function diff(type: ResourceType, request: messages.DiffRequest): Promise<unknown> {
  const state = values(request.getOlds());
  const answer = diffResource(
    type,
    typeOf(request.getUrn()),
    state,
    values(request.getOldInputs()),
    values(request.getNews()),
  );
  const some = answer.changes.length + answer.replaces.length > 0;
  const { DIFF_SOME, DIFF_NONE } = messages.DiffResponse.DiffChanges;
  const response = new messages.DiffResponse();
  response.setChanges(some ? DIFF_SOME : DIFF_NONE);
  response.setDiffsList([...new Set(answer.changes.map((change) => change.property))]);
  response.setReplacesList(answer.replaces);
  response.setDeletebeforereplace(answer.deleteBeforeReplace);
  if (type.rules.plain !== true) {
    response.setHasdetaileddiff(some);
    for (const change of answer.changes) response.getDetaileddiffMap().set(change.path, detail(change));
  }
  return response;
}

function detail(change: Change): messages.PropertyDiff {
  const { Kind } = messages.PropertyDiff;
  const kinds = {
    add: [Kind.ADD, Kind.ADD_REPLACE],
    delete: [Kind.DELETE, Kind.DELETE_REPLACE],
    update: [Kind.UPDATE, Kind.UPDATE_REPLACE],
  } as const;
  const message = new messages.PropertyDiff();
  message.setKind(kinds[change.kind][change.replace ? 1 : 0]);
  return message;
}

async function create(type: ResourceType, request: messages.CreateRequest, context: Context): Promise<unknown> {
  const inputs = values(request.getProperties());
  const response = new messages.CreateResponse();
  if (request.getPreview()) {
    response.setProperties(struct(previewOfCreate(type, inputs)));
    return response;
  }
  type.validate?.(withoutDefaults(inputs), undefined);
  try {
    const { id, outputs } = await type.create(withoutDefaults(inputs), context);
    response.setId(id);
    response.setProperties(struct(outputs));
    return response;
  } catch (error) {
    throw withInputs(error, inputs);
  }
}

async function update(type: ResourceType, request: messages.UpdateRequest, context: Context): Promise<unknown> {
  if (type.update === undefined) throw new Error("doesn't support update");
  const state = values(request.getOlds());
  const inputs = values(request.getNews());
  const response = new messages.UpdateResponse();
  const outputs = request.getPreview()
    ? previewOfUpdate(type, state, inputs)
    : await type.update(request.getId(), state, withoutDefaults(inputs), context).catch((error: unknown) => {
        throw type.bridged === undefined ? error : halfUpdated(request.getId(), type, state, inputs, error);
      });
  response.setProperties(struct(outputs));
  return response;
}

async function read(type: ResourceType, request: messages.ReadRequest, context: Context): Promise<unknown> {
  const state = values(request.getProperties());
  const inputs = values(request.getInputs());
  const outputs = type.read === undefined ? state : await type.read(request.getId(), state, context);
  const response = new messages.ReadResponse();
  response.setId(outputs === undefined ? "" : request.getId());
  response.setProperties(struct(outputs ?? {}));
  if (outputs !== undefined) response.setInputs(struct(inputsAfterRead(type, inputs, outputs)));
  return response;
}

/**
 * As the bridged official providers: an update that failed leaves the wanted values in the state, beside the old inputs. The
 * next plain `up` then finds nothing to change, and makes no call.
 */
function halfUpdated(id: string, type: ResourceType, state: Values, inputs: Values, error: unknown): PartialFailure {
  const planned = Object.entries(previewOfUpdate(type, state, inputs)).filter(([, value]) => value !== UNKNOWN);
  const message = error instanceof Error ? error.message : String(error);
  return new PartialFailure(id, { ...state, ...Object.fromEntries(planned) }, message);
}

/** A partly made resource is stored with the inputs it was made from. */
function withInputs(error: unknown, inputs: Values): unknown {
  return error instanceof PartialFailure ? Object.assign(error, { inputs }) : error;
}

function grpcError(error: unknown): Partial<grpc.StatusObject> {
  const message = error instanceof Error ? error.message : String(error);
  const code = grpc.status.UNKNOWN;
  if (!(error instanceof PartialFailure)) return { code, details: message };
  const detail = new ErrorResourceInitFailed();
  detail.setId(error.id);
  detail.setProperties(struct(error.outputs));
  detail.setReasonsList([message]);
  const inputs = (error as PartialFailure & { inputs?: unknown }).inputs;
  if (isObject(inputs)) detail.setInputs(struct(inputs));
  const packed = new Any();
  packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status();
  status.setCode(code);
  status.setMessage(message);
  status.addDetails(packed);
  const metadata = new grpc.Metadata();
  // The protocol's own place for structured errors.
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code, details: message, metadata };
}
