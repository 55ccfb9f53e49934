// Written into the bundle when the package is made: see ../openclaw-package.ts.
declare const OPENCLAW_VERSION: string;
declare const OPENCLAW_SCHEMAS: { state: number; agent: number };

export const VERSION: string = OPENCLAW_VERSION;
/** Formats of the databases that this version writes, and the newest that it reads. */
export const SCHEMAS: { state: number; agent: number } = OPENCLAW_SCHEMAS;
