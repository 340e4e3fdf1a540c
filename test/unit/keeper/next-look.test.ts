import { describe, expect, it } from "vitest";
import { soonerLookMs, type Growth } from "../../../src/keeper/next-look.ts";

const megabyte = 1_000_000;
const growth: Growth = {
  grownBytes: 100 * megabyte,
  elapsedMs: 1000,
  keptBytes: 50 * megabyte,
  limitBytes: 100 * megabyte,
};

describe("when the keeper looks at an output again", () => {
  it.each([
    ["a second later when nothing comes", { grownBytes: 0 }, null],
    [
      "a second later when what comes in a second is no matter",
      { grownBytes: 15 * megabyte, limitBytes: 65_536 },
      null,
    ],
    ["a second later when the limit is not reached by then", { limitBytes: 1000 * megabyte }, null],
    ["when the limit is reached", {}, 500],
    ["not before 100 ms are over, however fast it grows", { grownBytes: 10_000 * megabyte }, 100],
    ["after 100 ms when the limit is passed already", { keptBytes: 200 * megabyte }, 100],
    ["a second later when the agent has truncated its output", { grownBytes: -500 * megabyte }, null],
    ["by what came since the last look", { grownBytes: 10 * megabyte, elapsedMs: 100 }, 500],
  ] as const)("%s", (_when, change, expected) => {
    expect(soonerLookMs({ ...growth, ...change })).toBe(expected);
  });
});
