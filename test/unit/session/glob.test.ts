import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesGlob } from "../../../src/session/glob.ts";

describe("matchesGlob", () => {
  it.each([
    ["demo", "demo", true],
    ["demo", "demo2", false],
    ["d*", "demo", true],
    ["*o", "demo", true],
    ["d?mo", "demo", true],
    ["d?mo", "dmo", false],
    ["*", "", true],
    ["", "", true],
    ["?", "", false],
    ["a.b", "axb", false],
    ["(a+)+$", "aaa", false],
    ["*ab*ab", "ababab", true],
    [`${"*a".repeat(40)}b`, "a".repeat(64), false],
  ])("%s, %s: %s", (glob, text, expected) => {
    expect(matchesGlob(glob, text)).toBe(expected);
  });

  it("matches as the regular expression does that is made of it", () => {
    const letters = (of: string) => fc.string({ unit: fc.constantFrom(...of.split("")), maxLength: 8 });
    fc.assert(
      fc.property(letters("ab*?"), letters("ab"), (glob, text) => {
        const pattern = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`);
        expect(matchesGlob(glob, text)).toBe(pattern.test(text));
      }),
    );
  });
});
