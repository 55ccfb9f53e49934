import { readdirSync } from "node:fs";
import { join } from "node:path";
import { asMap } from "../lib/maps";
import type { Problem } from "./problem";
import { hermesKey } from "./stackfile";
import type { BucketConfig } from "./types";
import { urlIn } from "./urls";
import { readYaml } from "./yaml-file";

/** The part of a bucket that a stack writes to, and removes old backups from. */
type Place = Pick<BucketConfig, "endpoint" | "bucket" | "prefix">;

/** Refuses the folder of a bucket that another stack of this project has: each would remove the other one's backups. */
export function sharedBucket(project: string, stack: string, to: BucketConfig | undefined): Problem[] {
  if (to === undefined) return [];
  const other = otherStacks(project, stack).find((name) => placesIn(project, name).some((place) => isSame(place, to)));
  if (other === undefined) return [];
  return [
    {
      key: "hermes:backup.to.prefix",
      found: JSON.stringify(to.prefix),
      wrong: `stack ${other} writes its backups there, in the same bucket, and each would remove the other one's`,
      allowed: "A folder of its own for each stack of a bucket.",
      fix: `Write ${stack}/, or remove the key: that is its default. If stack ${other} is gone, remove Pulumi.${other}.yaml.`,
    },
  ];
}

const FILE = /^Pulumi\.(.+)\.yaml$/;

/** By their files beside the project. */
function otherStacks(project: string, stack: string): string[] {
  return readdirSync(project)
    .flatMap((name) => FILE.exec(name)?.[1] ?? [])
    .filter((name) => name !== stack)
    .sort();
}

/** None where the file cannot be read: that is the other stack's matter. */
function placesIn(project: string, stack: string): Place[] {
  try {
    const config = asMap(asMap(readYaml(join(project, `Pulumi.${stack}.yaml`), stack))["config"]);
    return Object.entries(config).flatMap(([key, value]) => {
      const { endpoint, bucket, prefix } = asMap(hermesKey(key) === "backup" ? asMap(value)["to"] : undefined);
      if (typeof endpoint !== "string" || typeof bucket !== "string") return [];
      return [{ endpoint, bucket, prefix: typeof prefix === "string" ? prefix : `${stack}/` }];
    });
  } catch {
    return [];
  }
}

const isSame = (one: Place, other: Place): boolean =>
  hostOf(one.endpoint) === hostOf(other.endpoint) && one.bucket === other.bucket && one.prefix === other.prefix;

const hostOf = (url: string): string => urlIn(url)?.host ?? url;
