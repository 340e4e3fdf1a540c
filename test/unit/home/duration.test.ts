import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDuration, parseSize } from "../../../src/home/duration.ts";
import { failureOf } from "../../support/failure-of.ts";

describe("parseDuration", () => {
  it.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["10", 10_000],
    ["0", 0],
    ["0.5", 500],
    [".5h", 1_800_000],
    ["2.007s", 2007],
    ["2 h", 7_200_000],
    ["3650d", 315_360_000_000],
  ])("reads %s as %i ms", (text, durationMs) => {
    expect(parseDuration(text, "--wait")).toBe(durationMs);
  });

  it.each(["", " ", "soon", "-1", "+1", "1e3", "NaN", "Infinity", "5M", "1w", "1h30m", "s", ".", "0x10", "3651d", "१"])(
    "refuses %j as a usage error with examples",
    (text) => {
      const failure = failureOf(() => parseDuration(text, "--wait"));
      expect(failure.code).toBe("USAGE");
      expect(failure.message).toContain(`--wait: expected a duration such as "500ms", "30s"`);
    },
  );

  it("reads whatever a person writes with a unit as what it says", () => {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
    const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3650 }), fc.integer({ min: 0, max: 99 }), unit, (whole, cents, name) => {
        const exactMs = (whole + cents / 100) * units[name];
        fc.pre(exactMs <= 3650 * units.d);
        const durationMs = parseDuration(`${whole}.${String(cents).padStart(2, "0")}${name}`, "--wait");
        expect(Math.abs(durationMs - exactMs)).toBeLessThan(1);
      }),
    );
  });

  it("gives a whole number from 0 to ten years, or a usage error, for any text at all", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{0,20}\.?[0-9]{0,20}(ms|s|m|h|d)?$/));
    fc.assert(
      fc.property(text, (any) => {
        const result = outcome(() => parseDuration(any, "--wait"));
        expect(result === "USAGE" || (Number.isInteger(result) && result >= 0 && result <= 315_360_000_000)).toBe(true);
      }),
    );
  });
});

describe("parseSize", () => {
  it.each([
    ["512", 512],
    ["100MB", 100_000_000],
    ["64KiB", 65_536],
    ["1G", 1_000_000_000],
    ["2.007mb", 2_007_000],
    ["1.5k", 1500],
    ["2TiB", 2 * 1024 ** 4],
    ["7 B", 7],
    ["0", 0],
  ])("reads %s as %i bytes", (text, bytes) => {
    expect(parseSize(text, "--max-output")).toBe(bytes);
  });

  it.each(["", "much", "-1", "1e9", "NaN", "Infinity", "10s", "9999999TB", "constructor"])("refuses %j", (text) => {
    const failure = failureOf(() => parseSize(text, "--max-output"));
    expect(failure.code).toBe("USAGE");
    expect(failure.message).toContain(`--max-output: expected a size such as "512", "64KiB"`);
  });

  it("gives a safe whole number, or a usage error, for any text at all", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{0,20}\.?[0-9]{0,20}[kMGT]?i?B?$/));
    fc.assert(
      fc.property(text, (any) => {
        const result = outcome(() => parseSize(any, "--max-output"));
        expect(result === "USAGE" || (Number.isSafeInteger(result) && result >= 0)).toBe(true);
      }),
    );
  });
});

function outcome(parse: () => number): number | "USAGE" {
  try {
    return parse();
  } catch {
    return failureOf(parse).code === "USAGE" ? "USAGE" : Number.NaN;
  }
}
