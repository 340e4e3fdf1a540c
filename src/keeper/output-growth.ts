/** In a second of less than this an output does not outgrow its limit by what anybody would miss. */
const calmBytesPerSecond = 16_000_000;
/**
 * Freeing a gigabyte takes the kernel about 0.2 s, in which the agent cannot write. Below this rate that is less than 5 %
 * of its time.
 */
const burstBytesPerSecond = 250_000_000;
const usualLookMs = 1_000;
const soonestLookMs = 100;

/** How an output has grown since the last look. */
export interface OutputGrowth {
  readonly grownBytes: number;
  readonly elapsedMs: number;
}

/** Whether it comes so fast that cutting it would slow the agent down. */
export function isBurst(growth: OutputGrowth): boolean {
  return bytesPerMs(growth) * 1000 > burstBytesPerSecond;
}

/** Whether the usual look is soon enough. */
export function isCalm(growth: OutputGrowth): boolean {
  return bytesPerMs(growth) * 1000 < calmBytesPerSecond;
}

/**
 * When to look again, where the usual look a second later would come late: when an output that grows fast will have
 * reached its limit, going by how it grew. Null: the usual look will do.
 * @param roomBytes how much may come until then
 * @returns milliseconds, 100 at least
 */
export function soonerLookMs(growth: OutputGrowth, roomBytes: number): number | null {
  if (isCalm(growth)) return null;
  const fullAfterMs = roomBytes / bytesPerMs(growth);
  return fullAfterMs < usualLookMs ? Math.max(soonestLookMs, Math.ceil(fullAfterMs)) : null;
}

function bytesPerMs({ grownBytes, elapsedMs }: OutputGrowth): number {
  return grownBytes / Math.max(elapsedMs, 1);
}
