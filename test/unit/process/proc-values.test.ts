import { afterEach, describe, expect, it, vi } from "vitest";
import { ProcfsTable } from "../../../src/process/procfs-table.ts";
import type { ProcessEntry } from "../../../src/process/table.ts";
import { writtenBytes } from "../../../src/process/written-bytes.ts";

const isLinux = process.platform === "linux";
const table = new ProcfsTable();

async function myself(): Promise<ProcessEntry> {
  const [entry] = await table.list((pid) => pid === process.pid);
  if (entry === undefined) throw new Error("This process is there");
  return entry;
}

afterEach(() => {
  vi.useRealTimers();
});

describe.skipIf(!isLinux)("what /proc says of a process", () => {
  it("how much it has written rises; of none that can be seen it is not known (R5.3)", async () => {
    const entry = await myself();
    const before = writtenBytes([entry]) ?? Number.NaN;
    process.stdout.write("");
    expect(before).toBeGreaterThan(0);
    expect(writtenBytes([entry, { ...entry, pid: 2 ** 30 }])).toBeGreaterThanOrEqual(before);
    expect(writtenBytes([{ ...entry, pid: 2 ** 30 }])).toBeNull();
    expect(writtenBytes([])).toBeNull();
  });

  it("has no CPU use as long as the clock says that it has not begun yet (R3.5)", async () => {
    const entry = await myself();
    expect(entry.cpuPercent).toBeGreaterThan(0);
    vi.useFakeTimers({ toFake: ["Date"], now: 0 });
    expect(entry.cpuPercent).toBe(0);
  });
});
