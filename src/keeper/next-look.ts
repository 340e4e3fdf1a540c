/** In a second of less than this an output does not outgrow its limit by what anybody would miss. */
const fastBytesPerSecond = 16_000_000;
const usualLookMs = 1_000;
const soonestLookMs = 100;

/** How an output grew between two looks. */
export interface Growth {
  readonly grownBytes: number;
  readonly elapsedMs: number;
  /** How much of it is kept now. */
  readonly keptBytes: number;
  readonly limitBytes: number;
}

/**
 * When to look again, where the usual look a second later would come late: when an output that grows fast will have
 * reached its limit, going by how it grew. Null: the usual look will do.
 * @returns milliseconds, 100 at least
 */
export function soonerLookMs({ grownBytes, elapsedMs, keptBytes, limitBytes }: Growth): number | null {
  const bytesPerMs = grownBytes / Math.max(elapsedMs, 1);
  if (bytesPerMs * 1000 < fastBytesPerSecond) return null;
  const fullAfterMs = (limitBytes - keptBytes) / bytesPerMs;
  return fullAfterMs < usualLookMs ? Math.max(soonestLookMs, Math.ceil(fullAfterMs)) : null;
}
