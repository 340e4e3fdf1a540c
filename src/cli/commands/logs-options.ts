import { usage } from "../globals.ts";

export interface LogsOptions {
  readonly lines: string;
  readonly follow?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly session?: string;
  readonly event?: string;
  readonly output?: boolean;
  readonly raw?: boolean;
  readonly cursor?: string;
  readonly maxBytes?: string;
}

/**
 * A number as a person gave it, of lines or bytes.
 * @param help where its option is explained
 */
export function parseCount(text: string, what: string, help = "holdfast logs --help"): number {
  const count = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw usage(`${what}: expected a number, got ${text}`, help);
}
