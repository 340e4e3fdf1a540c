/**
 * How wide models are explored: in `npm test` as far as a few seconds go, and further by `npm run torture -- --model`. To be
 * given to a test as its options.
 */
const areDeep = process.env["HOLDFAST_MODEL"] === "deep";

export const explorations = { areDeep, timeout: areDeep ? 7_200_000 : 180_000 } as const;
