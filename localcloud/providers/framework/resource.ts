import type { DiffRules } from "./diff";
import type { Values } from "./values";

/** What an operation may use besides its inputs. */
export interface Context {
  urn: string;
  /** From the resource's customTimeouts; undefined when the program gave none. */
  timeoutMs: number | undefined;
  /** Aborted when the engine cancels the run. */
  signal: AbortSignal;
  /** A line for the user, under the resource. */
  log(message: string): void;
}

export interface Failure {
  property: string;
  reason: string;
}

/** Everything the framework must know of one resource type. */
export interface ResourceType {
  rules: DiffRules;
  /** Inputs are kept with `__defaults`, a missing `name` is made up, a given one replaces delete-first. */
  bridged?: { defaults?: Values };
  /** Outputs that are unknown before the resource is made. */
  computed: string[];
  /** Outputs that are unknown in the preview of an update. */
  computedByUpdate?: (changed: string[]) => string[];
  check?(inputs: Values): Failure[];
  /** Throws what the official provider says of the inputs when it plans, so also in a preview. */
  validate?(inputs: Values, olds: Values | undefined): void;
  /** A replacement that no input asks for. */
  replaceReason?(state: Values, inputs: Values): string | undefined;
  create(inputs: Values, context: Context): Promise<{ id: string; outputs: Values }>;
  /** Undefined: it is gone. Without a read, the state is believed. */
  read?(id: string, state: Values, context: Context): Promise<Values | undefined>;
  /** Inputs that an import fills in, from what was read; those that are empty are left out. */
  imported?: string[];
  /** Inputs that a read cannot tell; a refresh leaves them alone. */
  unread?: string[];
  update?(id: string, state: Values, inputs: Values, context: Context): Promise<Values>;
  delete(id: string, state: Values, context: Context): Promise<void>;
}

export interface Plugin {
  name: string;
  version: string;
  resources: Record<string, ResourceType>;
  functions: Record<string, (args: Values, context: Context) => Promise<Values>>;
  /** Takes the provider's own settings; the environment fills in what they leave out. */
  configure(settings: Values): void;
}

/** Made, but not ready: the engine keeps it in the state, so that a later update heals it or a destroy removes it. */
export class PartialFailure extends Error {
  constructor(
    readonly id: string,
    readonly outputs: Values,
    message: string,
  ) {
    super(message);
  }
}
