import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { PidWindow } from "../../src/process/pid-window.ts";

function startSleeper(): number {
  const child = spawn("sleep", ["60"]);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  return child.pid ?? 0;
}

describe.skipIf(process.platform !== "linux")("the PIDs given out since a process was started", () => {
  it("include whatever was started after it, and nothing that was there before", () => {
    const before = startSleeper();
    const first = startSleeper();
    const window = new PidWindow(first);
    const after = startSleeper();
    const since = window.since(0);
    expect([before, first, after, 1].map((pid) => since?.has(pid))).toEqual([false, false, true, false]);
    expect(since?.few ?? [after]).toContain(after);
    expect(since?.few ?? []).not.toContain(first);
  });

  it("are known for a moment, and after that only when the forks were counted in that moment", () => {
    const first = startSleeper();
    const window = new PidWindow(first);
    startSleeper();
    expect(window.since(500)).toBeNull();
    // A keeper that stood still until now.
    expect(window.note(500)).toBeNull();
    expect(window.since(500)).toBeNull();
    expect(window.note(20)).toBeGreaterThan(0);
    expect(window.since(500)).not.toBeNull();
    expect(window.since(86_400_000)).not.toBeNull();
  });

  it("go round: a number below the first one was given out since when the newest is below it, too", () => {
    // As if the kernel had begun anew after the greatest number: whatever was given out last is below.
    const window = new PidWindow(2 ** 22);
    const newest = startSleeper();
    const since = window.since(0);
    expect(since).toMatchObject({ few: null });
    expect(since?.has(newest)).toBe(true);
    expect(since?.has(2 ** 22 + 1)).toBe(true);
  });
});
