// Makes an image of a sandbox that is brought up for it, and removed whatever comes of it.
import type { Command } from "commander";
import { sourceText } from "../../cloud-init";
import { MEMORY_MIN_MIB } from "../../config/machine";
import { AccountError, accountFrom, type Account } from "../../lib/digitalocean/account";
import { untilInterrupted } from "../../lib/interrupted";
import { stackName } from "../../lib/names";
import { CommandError, EXIT, Progress, table } from "../../lib/output";
import { runOverSsh } from "../../lib/ssh/connection";
import { cheapest, soldIn, type Catalogue } from "../../planner/catalogue";
import { stepsUntil, throwAway, thrownAway, type ThrowAway } from "../backups/throw-away";
import { liveCatalogue } from "../plan/live-catalogue";
import { stackValues } from "../plan/stack-values";
import type { StackFile } from "../sandboxes/file";
import { missingStackFile, projectFolder } from "../stack/project";
import { sshTarget } from "../stack/reach";
import { here } from "../stack/surroundings";
import {
  adoptUntagged,
  imageName,
  imageTags,
  isOff,
  newestImage,
  snapshot,
  tagImage,
  wantedImage,
  type Contents,
  type WantedImage,
} from ".";

interface BakeOptions {
  stack: string;
  force?: boolean;
  json?: boolean;
}

/** What a bake works with, so that tests can give it something else. */
export interface BakeParts extends ThrowAway {
  /** Makes the droplet one without identity, up to its being off. */
  clean(signal: AbortSignal): Promise<Cleaned>;
  /** @returns the image's number */
  snapshot(cleaned: Cleaned, signal: AbortSignal): Promise<string>;
}

interface Cleaned {
  dropletId: string;
  /** Tailscale's version. */
  tailscale: string;
}

export interface Baked {
  id: string;
  name: string;
  /** False: there was one already with all that is wanted in it. */
  baked: boolean;
  seconds: number;
}

export function addBakeCommand(image: Command): void {
  image
    .command("bake")
    .description("Create an image for a stack's droplets; the stack does not change")
    .option("--stack <name>", "name of the stack", "hermes")
    .option("--force", "create it even if there is one with the same contents (for example, to include Debian updates)")
    .option("--json", "one JSON document on stdout")
    .action(async (options: BakeOptions) => {
      const baked = await runBake(options);
      process.stdout.write(options.json === true ? `${JSON.stringify(baked)}\n` : `${bakedText(baked)}\n`);
    });
}

/** @throws CommandError where there is no token */
export function imageAccount(): Account {
  const account = accountFrom(process.env);
  if (account !== undefined) return account;
  throw new CommandError("There is no DigitalOcean token. Set DIGITALOCEAN_TOKEN.", EXIT.input);
}

export function asCloudFailure(error: unknown): never {
  if (error instanceof AccountError) throw new CommandError(`DigitalOcean ${error.message}`, EXIT.cloud);
  throw error;
}

async function runBake(options: BakeOptions): Promise<Baked> {
  const started = Date.now();
  const io = here();
  const values = stackValues(projectFolder(), options.stack);
  if (values === undefined) throw missingStackFile("--stack", options.stack);
  const account = imageAccount();
  const catalogue = await liveCatalogue(account);
  const wanted = wantedImage(values, catalogue);
  if (wanted === undefined) throw nothingToBake(options.stack);
  await adoptUntagged(account).catch(asCloudFailure);
  const there = options.force === true ? undefined : await newestImage(account, wanted).catch(asCloudFailure);
  if (there !== undefined) return { id: there.id, name: there.name, baked: false, seconds: 0 };
  const progress = new Progress((text) => void io.stderr.write(text));
  const parts = partsOf({ of: options.stack, wanted, catalogue, account, progress });
  const said = (): void => void io.stderr.write("interrupted: removing the sandbox, which takes about a minute\n");
  const made = await untilInterrupted((signal) => bake(parts, wanted.contents, signal), said);
  progress.end();
  return { ...made, baked: true, seconds: Math.round((Date.now() - started) / 1000) };
}

const nothingToBake = (stack: string): CommandError =>
  new CommandError(
    `Cannot create an image for Pulumi.${stackName(stack)}.yaml: the file is invalid, or uses a custom image.\n` +
      `  Set hermes:image to an image of DigitalOcean, such as debian-13-x64. Run pulumi preview to see other errors.`,
    EXIT.input,
  );

/** @throws CommandError when there is no image, or the sandbox is not removed */
export async function bake(
  parts: BakeParts,
  contents: Contents,
  signal: AbortSignal,
): Promise<Pick<Baked, "id" | "name">> {
  return thrownAway(
    parts,
    async () => {
      const steps = stepsUntil(signal);
      await steps(() => parts.create());
      await steps(() => parts.up(signal));
      const cleaned = await steps(() => parts.clean(signal));
      const id = await steps(() => parts.snapshot(cleaned, signal));
      return { id, name: imageName(contents, cleaned.tailscale) };
    },
    signal,
  );
}

interface Bake {
  of: string;
  wanted: WantedImage;
  catalogue: Catalogue;
  account: Account;
  progress: Progress;
}

function partsOf({ of, wanted, catalogue, account, progress }: Bake): BakeParts {
  const size = bakeSize(catalogue, wanted);
  const sandbox = throwAway({ of, purpose: "bake", progress, adjust: (file) => bakeFile(file, size) });
  return {
    ...sandbox,
    clean: async (signal) => {
      progress.begin("cleaning");
      return await cleanDroplet(account, sandbox.stack, signal);
    },
    snapshot: async ({ dropletId, tailscale }, signal) => {
      progress.begin("snapshot");
      const id = await snapshot(account, dropletId, imageName(wanted.contents, tailscale), { signal }).catch(
        asCloudFailure,
      );
      await tagImage(account, id, imageTags(wanted.contents)).catch(asCloudFailure);
      return id;
    },
  };
}

/** The sandbox that is baked: it may be smaller than the stack. */
export const bakeFile = (file: StackFile, size: string | undefined): StackFile =>
  size === undefined ? file : { ...file, config: { ...file.config, "hermes:size": size } };

/** The cheapest size that carries a gateway, on no larger disk than the stack's: what has a smaller one could not be made from it. */
export const bakeSize = ({ sizes }: Catalogue, { region, diskGiB }: WantedImage): string | undefined =>
  cheapest(
    sizes.filter((size) => size.memoryMiB >= MEMORY_MIN_MIB && size.diskGiB <= diskGiB && soldIn(size, region)),
  )[0]?.slug;

/** A gateway may take minutes to stop, and the disk to be trimmed. */
const OFF_MS = 600_000;

async function cleanDroplet(account: Account, stack: string, signal: AbortSignal): Promise<Cleaned> {
  const target = await sshTarget({ stack });
  const { code, stdout, stderr } = await runOverSsh(target, "bash -s", {
    stdin: sourceText("clean-image.sh"),
    timeoutMs: OFF_MS,
  }).catch((error: Error) => {
    throw new CommandError(`the droplet was not cleaned: ${error.message}`, EXIT.cloud);
  });
  if (code !== 0) throw new CommandError(`the droplet was not cleaned: ${stderr.trim().slice(-1000)}`, EXIT.unhealthy);
  const { tailscale } = JSON.parse(stdout) as { tailscale: string };
  const dropletId = target.outputs.droplet.id;
  const off = await isOff(account, dropletId, { timeoutMs: OFF_MS, signal }).catch(asCloudFailure);
  if (!off)
    throw new CommandError(
      "the droplet did not power itself off, so it is not known to be clean: no image was made of it",
      EXIT.unhealthy,
    );
  return { dropletId, tailscale };
}

/** Pure: what a person reads. */
export const bakedText = ({ id, name, baked, seconds }: Baked): string =>
  baked
    ? table([
        ["image", id],
        ["name", name],
        ["sandboxes", "use it automatically"],
        ["hermes", `uses it after: pulumi config set hermes:image ${id} (replaces the droplet)`],
        ["took", `${seconds} s; the temporary sandbox was removed`],
      ])
    : table([
        ["image", `${id}, which already exists; to create another: ./hermes image bake --force`],
        ["name", name],
      ]);
