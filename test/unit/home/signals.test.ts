import { describe, expect, it } from "vitest";
import { parseSignal } from "../../../src/home/signals.ts";
import { failureOf } from "../../support/failure-of.ts";

describe("parseSignal", () => {
  it.each([
    ["TERM", "SIGTERM"],
    ["SIGTERM", "SIGTERM"],
    ["15", "SIGTERM"],
    ["sigint", "SIGINT"],
    ["9", "SIGKILL"],
    ["1", "SIGHUP"],
  ])("reads %s as %s", (text, signal) => {
    expect(parseSignal(text)).toBe(signal);
  });

  it.each(["", "SIG", "FOO", "0", "-9", "99", "9.0", "SIGSIGTERM", "toString"])("refuses %j", (text) => {
    expect(failureOf(() => parseSignal(text)).code).toBe("USAGE");
  });
});
