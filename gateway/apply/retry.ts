// How often a failed run of hermes-backup.service is started again. systemd counts the retries since the timer's start; its
// own limit would count the timer's starts as well.
import { unitState } from "./gateway.ts";
import type { Host } from "./host.ts";
import { BACKUP_SERVICE } from "./places.ts";

/** At most; with RestartSec=20min they take three hours. */
export const RETRIES = 8;
/** Exit code of the last attempt, which hermes-backup.service does not repeat; not one of hermes-apply's others. */
export const GAVE_UP = 69;

/** 0 when the timer or a person started the service, 1 for the first retry. */
export const retryOf = async (host: Host): Promise<number> => (await unitState(host, BACKUP_SERVICE)).restarts;

export const failureCode = (retry: number): number => (retry < RETRIES ? 1 : GAVE_UP);
