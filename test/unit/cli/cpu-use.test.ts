import { describe, expect, it } from "vitest";
import { CpuUse } from "../../../src/cli/live/cpu-use.ts";
import type { ProcessEntry } from "../../../src/process/table.ts";
import { processEntry, sessionStatus, status } from "../present/samples.ts";

/** An entry as the process table gives it: its fields are read when they are asked for. */
class Lazy {
  readonly #entry: ProcessEntry;

  constructor(entry: ProcessEntry) {
    this.#entry = entry;
    for (const name of Object.keys(entry)) {
      Object.defineProperty(this, name, { enumerable: false, get: () => Reflect.get(this.#entry, name) as unknown });
    }
  }
}

const lazy = (change: Partial<ProcessEntry>) => new Lazy(processEntry(change)) as unknown as ProcessEntry;
const seen = (...processes: ProcessEntry[]) => ({ ...status, sessions: [{ ...sessionStatus, processes }] });

describe("CpuUse", () => {
  it("is the average at the first look, then what was used since the look before", () => {
    const use = new CpuUse();
    const percentAt = (cpuSeconds: number, nowMs: number) =>
      use.since(seen(lazy({ cpuSeconds, cpuPercent: 3 })), nowMs).sessions[0]?.processes[0]?.cpuPercent;
    expect(percentAt(10, 5_000)).toBe(3);
    expect(percentAt(10.5, 6_000)).toBeCloseTo(50);
    expect(percentAt(14.5, 8_000)).toBeCloseTo(200);
    expect(percentAt(14.5, 10_000)).toBe(0);
  });

  it("takes a PID that is used again for another process, and counts outsiders too", () => {
    const use = new CpuUse();
    const other = { ...processEntry().identity, started: "4712" };
    use.since({ ...seen(lazy({ cpuSeconds: 1 })), outside: [lazy({ pid: 7, cpuSeconds: 1 })] }, 0);
    const next = use.since(
      {
        ...seen(lazy({ identity: other, cpuSeconds: 2, cpuPercent: 7 })),
        outside: [lazy({ pid: 7, cpuSeconds: 1.25 })],
      },
      1_000,
    );
    expect(next.sessions[0]?.processes[0]?.cpuPercent).toBe(7);
    expect(next.outside[0]?.cpuPercent).toBeCloseTo(25);
  });

  it("leaves everything else as it is", () => {
    const use = new CpuUse();
    use.since(seen(lazy({})), 0);
    const next = use.since(seen(lazy({})), 1_000);
    expect(next).toEqual(seen(processEntry({ cpuPercent: 0 })));
  });
});
