import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isZombie, parseEnvironmentSize, parseStat, type ProcStat } from "../../../src/process/proc-stat.ts";

const count = fc.nat(2 ** 31 - 1);

/** Anything a process may call itself, parentheses, newlines and numbers included. */
const name = fc.oneof(
  fc.string({ maxLength: 15 }),
  fc.constantFrom(") R 1 1 1 0", "a) b (c", "((", "))", "", " ", "\n) S 2", "(sd-pam)", "tmux: server"),
);

type Written = Omit<ProcStat, "cpuTicks"> & { readonly user: number; readonly system: number };

const stat: fc.Arbitrary<Written> = fc.record({
  pid: fc.integer({ min: 1, max: 4_194_304 }),
  name,
  state: fc.constantFrom("R", "S", "D", "T", "t", "Z", "X", "I"),
  ppid: count,
  pgid: count,
  sid: count,
  ttyNumber: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  foregroundGroup: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  isKernelThread: fc.boolean(),
  user: count,
  system: count,
  threads: fc.integer({ min: 1, max: 1000 }),
  started: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  residentPages: count,
});

/** As the kernel writes it, up to field 26 of 52. */
function format(of: Written): string {
  const { pid, state, ppid, pgid, sid, ttyNumber, foregroundGroup, user, system, threads, started, residentPages } = of;
  const flags = of.isKernelThread ? 69_238_848 : 4_194_304;
  const before = `${pid} (${of.name}) ${state} ${ppid} ${pgid} ${sid} ${ttyNumber} ${foregroundGroup} ${flags} 100 0 0 0`;
  return `${before} ${user} ${system} 0 0 20 0 ${threads} 0 ${started} 3133440 ${residentPages} 18446744073709551615 1\n`;
}

describe("parseStat", () => {
  it("reads every field whatever the process calls itself (R3.5)", () => {
    fc.assert(
      fc.property(stat, (fields) => {
        const { user, system, ...others } = fields;
        const parsed = parseStat(format(fields));
        for (const [field, value] of Object.entries({ ...others, cpuTicks: user + system })) {
          expect(parsed).toHaveProperty(field, value);
        }
      }),
    );
  });

  it("keeps start times that no number can hold", () => {
    fc.assert(
      fc.property(stat, (fields) => {
        expect(parseStat(format(fields))?.started).toBe(fields.started);
      }),
    );
  });

  it("takes nothing from a line that is cut, or is none", () => {
    const line = "7 (a) S 1 7 7 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 123 4 5\n";
    expect(parseStat(line)).toMatchObject({ pid: 7, started: "123", residentPages: 5 });
    fc.assert(
      fc.property(fc.nat(line.length - 4), (length) => {
        expect(parseStat(line.slice(0, length))).toBeNull();
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseStat(text)).toBeNull();
      }),
    );
  });
});

describe("parseEnvironmentSize", () => {
  const before = `7 (a) b) S ${Array.from({ length: 46 }, () => 1).join(" ")}`;

  it.each([
    ["140729194474499 140729194475500 0", 1001],
    ["140729194474499 140729194474499 0", 0],
    ["140729194474499 0 0", null],
    ["0 0 0", null],
    ["", null],
  ])("from %s is %s", (fields, expected) => {
    expect(parseEnvironmentSize(`${before} ${fields}\n`)).toBe(expected);
  });
});

describe("isZombie", () => {
  it.each([
    ["Z", 1, true],
    ["Z", 0, true],
    ["X", 1, true],
    ["S", 1, false],
    // Its first thread has ended, and two others go on.
    ["Z", 3, false],
  ])("%s with %i threads: %s", (state, threads, expected) => {
    const line = `7 (a) ${state} 1 7 7 0 -1 0 0 0 0 0 1 2 0 0 20 0 ${threads} 0 123 4 5\n`;
    const parsed = parseStat(line);
    expect(parsed && isZombie(parsed)).toBe(expected);
  });
});
