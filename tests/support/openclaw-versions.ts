import type { ProjectCopy } from "./project-copy";

/** A version of OpenClaw with the day after its publication. */
export interface Pin {
  version: string;
  before: string;
}

/** Two real versions of which the older cannot read the newer one's state. */
export const OLD: Pin = { version: "2026.9.5", before: "2026-09-20" };
export const NEW: Pin = { version: "2026.9.6", before: "2026-09-25" };

const INSTALL = "/usr/local/lib/hermes/install-openclaw.sh";

/** Shell: makes the tree of a version, which a test changed, the one that was installed. Otherwise it is installed again. */
export const acceptTree = (version: string): string =>
  `{ sed '/^main "/d' ${INSTALL}; echo 'cd "$ROOT/${version}"; rm -f "$QUICK"; tree_hash >"$HASH.new"; mv "$HASH.new" "$HASH"'; } | bash
   ${INSTALL} --verify=${version}`;

export const configure = (project: ProjectCopy, { version, before }: Pin): void =>
  project.setKey("openclaw", [`version: "${version}"`, `before: "${before}"`]);
