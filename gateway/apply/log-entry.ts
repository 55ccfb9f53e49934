// OpenClaw's log, a JSON object on each line.
export interface LogEntry {
  level?: string;
  subsystem?: string;
  message?: string;
}

/** @returns undefined for what else a program writes there */
export function logEntry(line: string): LogEntry | undefined {
  try {
    const entry = JSON.parse(line) as LogEntry | null;
    return typeof entry === "object" && entry !== null ? entry : undefined;
  } catch {
    return undefined;
  }
}
