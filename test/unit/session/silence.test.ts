import { expect, it } from "vitest";
import { Silence } from "../../../src/session/silence.ts";

it("lasts from the look that saw the last sign of life, and not at all when there is somebody (R5.3)", () => {
  let now = 5_000;
  const silence = new Silence({ now: () => now });
  const afterMs = (ms: number, mark: number | null): number => {
    now += ms;
    return silence.lastsMs(mark);
  };
  expect(afterMs(60_000, 1)).toBe(0);
  expect(afterMs(2_000, 1)).toBe(2_000);
  expect(afterMs(3_000, 1)).toBe(5_000);
  expect(afterMs(1_000, 2)).toBe(0);
  expect(afterMs(1_000, 2)).toBe(1_000);
  expect(afterMs(1_000, null)).toBe(0);
  expect(afterMs(1_000, 2)).toBe(0);
  expect(afterMs(1_000, 1)).toBe(0);
});
