/** What decides over everything random in a test; a test that uses it says it in its name. */
export const seed = Number(process.env["HOLDFAST_TEST_SEED"] ?? Date.now() % 1_000_000);

/** A generator of numbers in [0, 1), always the same for a seed: mulberry32. */
export function seededRandom(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
