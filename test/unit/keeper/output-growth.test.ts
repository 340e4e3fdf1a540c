import { describe, expect, it } from "vitest";
import { isBurst, isCalm, soonerLookMs } from "../../../src/keeper/output-growth.ts";

const megabyte = 1_000_000;
const grown = (megabytes: number, elapsedMs = 1000) => ({ grownBytes: megabytes * megabyte, elapsedMs });

describe("when the keeper looks at an output again", () => {
  it.each([
    ["a second later when nothing comes", grown(0), 50, null],
    ["a second later when what comes in a second is no matter", grown(15), 0.06, null],
    ["a second later when the limit is not reached by then", grown(100), 950, null],
    ["when the limit is reached", grown(100), 50, 500],
    ["not before 100 ms are over, however fast it grows", grown(10_000), 50, 100],
    ["after 100 ms when the limit is passed already", grown(100), -100, 100],
    ["a second later when the agent has truncated its output", grown(-500), 100, null],
    ["by what came since the last look", grown(10, 100), 50, 500],
  ] as const)("%s", (_when, growth, roomMegabytes, expected) => {
    expect(soonerLookMs(growth, roomMegabytes * megabyte)).toBe(expected);
  });

  it("knows a burst by its rate, and when it is calm", () => {
    expect([grown(15), grown(17), grown(-1)].map(isCalm)).toEqual([true, false, true]);
    expect([grown(240), grown(260), grown(24, 100), grown(26, 100)].map(isBurst)).toEqual([false, true, false, true]);
  });
});
