import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { abortAfter, systemClock } from "../../../src/process/clock.ts";
import { identify, livenessOf, signalProcess, whereText, type ProcessIdentity } from "../../../src/process/identity.ts";
import { knownFile, knownFileOfOneName } from "../../../src/process/known-file.ts";
import { lineOf } from "../../../src/process/line-of.ts";
import { newestPid, PidWindow } from "../../../src/process/pid-window.ts";
import { readProcFile, type ProcRefusal } from "../../../src/process/proc-files.ts";
import { parseEnvironmentSize } from "../../../src/process/proc-stat.ts";
import { readProcMachine } from "../../../src/process/proc-machine.ts";
import { ProcfsTable } from "../../../src/process/procfs-table.ts";
import { stateOfLetter } from "../../../src/process/process-state.ts";
import { failureOf } from "../../support/failure-of.ts";

/* What a kernel may answer, and this one does not: a /proc that hides, lacks or refuses something. */

const hidden = vi.hoisted(() => new Map<string, string>());
vi.mock(import("../../../src/process/proc-files.ts"), async (original) => {
  const real = await original();
  return {
    ...real,
    readProcFile: (path) => {
      const answer = hidden.get(path);
      if (answer === undefined) return real.readProcFile(path);
      return answer === "gone" || answer === "hidden" ? (answer satisfies ProcRefusal) : Buffer.from(answer);
    },
  };
});

afterEach(() => {
  hidden.clear();
  vi.restoreAllMocks();
});

const isLinux = process.platform === "linux";

/** A process that is surely there, and is never really signalled here. */
function parent(): ProcessIdentity {
  const identity = identify(process.ppid);
  if (identity === null) throw new Error("It is there");
  return identity;
}

/** As of a process without an environment; proc_pid_stat(5). */
function statLine(state: string, flags = 0): string {
  return `4000000 (idle) ${state} 1 1 1 0 -1 ${flags} 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 ${"0 ".repeat(28)}\n`;
}

describe.skipIf(!isLinux)("a process whose /proc is hidden (hidepid)", () => {
  const path = `/proc/${process.ppid}/stat`;

  it.each(["hidden", "gone"])(
    "with its files %s, is neither alive nor dead, has no identity, is not signalled",
    (how) => {
      const identity = parent();
      hidden.set(path, how);
      expect(identify(process.ppid)).toBeNull();
      expect(livenessOf(identity)).toBe("unknown");
      const kill = vi.spyOn(process, "kill");
      expect(signalProcess(identity, "SIGTERM")).toBe("not_ours");
      expect(kill.mock.calls.filter(([, signal]) => signal !== 0)).toEqual([]);
    },
  );
});

describe.skipIf(!isLinux)("an environment that is empty", () => {
  it.each([
    { of: "a process that is gone by now", stat: "gone", environment: null },
    { of: "one that has just died", stat: statLine("Z"), environment: null },
    { of: "a thread of the kernel", stat: statLine("S", 0x20_00_00), environment: new Map() },
  ])("of $of is told from none", async ({ stat, environment }) => {
    const pid = 4_000_000;
    hidden.set(`/proc/${pid}/environ`, "").set(`/proc/${pid}/stat`, stat);
    const sleep = vi.spyOn(systemClock, "sleep");
    expect(await new ProcfsTable().variablesOf(pid)).toEqual(environment);
    // Only one that becomes another program just now is waited for.
    expect(sleep).not.toHaveBeenCalled();
  });
});

describe("a signal that the kernel refuses", () => {
  it.each([
    ["EPERM", "not_permitted"],
    ["ESRCH", "gone"],
  ])("with %s: %s", (code, expected) => {
    const identity = parent();
    vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error(code), { code });
    });
    expect(signalProcess(identity, "SIGTERM")).toBe(expected);
  });

  it("in any other way is a bug, and thrown", () => {
    const identity = parent();
    vi.spyOn(process, "kill").mockImplementation(() => {
      throw new TypeError("Unknown signal");
    });
    expect(() => signalProcess(identity, "SIGTERM")).toThrow(TypeError);
  });
});

describe("where a process is of which nothing is known", () => {
  it("is said with its host, and that it cannot be told", () => {
    expect(whereText("unknown", "build7")).toBe("on build7, as far as can be told");
  });
});

describe.skipIf(!isLinux)("a machine whose /proc does not tell", () => {
  it("its newest PID (hidden, or unreadable): nothing is known of the PIDs since", () => {
    const window = new PidWindow(process.pid);
    for (const answer of ["hidden", "nonsense"]) {
      hidden.set("/proc/loadavg", answer);
      expect(newestPid()).toBeNull();
      expect(window.since(0)).toBeNull();
    }
  });

  it("who the parent of an ancestor is (hidepid): the line ends there", () => {
    hidden.set(`/proc/${process.ppid}/stat`, "hidden");
    expect([...lineOf()]).toEqual([process.pid, process.ppid]);
  });

  it("how many PIDs there are: few are assumed", () => {
    hidden.set("/proc/sys/kernel/pid_max", "hidden");
    const window = new PidWindow(process.pid, 1_000);
    hidden.set("/proc/stat", "processes 1001\n");
    expect(window.since(Number.POSITIVE_INFINITY)).not.toBeNull();
    hidden.set("/proc/stat", "processes 900000\n");
    expect(window.since(Number.POSITIVE_INFINITY)).toBeNull();
  });

  it("what it counts in: as on x86, and since 1970", () => {
    hidden.set("/proc/self/auxv", "hidden");
    hidden.set("/proc/stat", "hidden");
    expect(readProcMachine()).toEqual({ bootedAtMs: 0, ticksPerSecond: 100, pageBytes: 4096 });
    hidden.set("/proc/stat", "cpu 1 2 3\n");
    hidden.set("/proc/self/auxv", "");
    expect(readProcMachine()).toEqual({ bootedAtMs: 0, ticksPerSecond: 100, pageBytes: 4096 });
  });

  it("the size of an environment, as kernels before 3.5 did not: it is not known", () => {
    expect(parseEnvironmentSize("7 (a) S 1 7 7 0")).toBeNull();
  });

  it("the environment of a part of the kernel, which has none: it is empty, as kernels before 6.14 have it", async () => {
    const pid = 2 ** 22;
    hidden.set(`/proc/${pid}/environ`, "");
    hidden.set(`/proc/${pid}/stat`, `${pid} (kworker/0:0) I 2 0 0 0 -1 69238848 0 0 0 0 1 2 0 0 20 0 1 0 123 4 5\n`);
    expect(await new ProcfsTable().variablesOf(pid)).toEqual(new Map());
  });

  it("a state that has a letter which nobody knows: other", () => {
    expect(stateOfLetter("W")).toBe("other");
  });
});

describe("a file that cannot be looked at", () => {
  it("is as good as not there when the system says so, and a bug when it was not asked", () => {
    expect(knownFile("x".repeat(5_000))).toBeNull();
    expect(knownFileOfOneName("x".repeat(5_000))).toBeNull();
    expect(() => knownFile("a\0b")).toThrow(TypeError);
  });

  it.skipIf(!isLinux)("below /proc is a failure, if it is neither gone nor hidden", () => {
    expect(failureOf(() => readProcFile("/proc/self"))).toMatchObject({ code: "IO", facts: { errno: "EISDIR" } });
  });
});

describe("a limit of more days than a timer can have", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["hrtime", "setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is reached when it is, and not at once", async () => {
    const dayMs = 86_400_000;
    const signal = abortAfter(60 * dayMs);
    await vi.advanceTimersByTimeAsync(59 * dayMs);
    expect(signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(dayMs);
    expect(signal.aborted).toBe(true);
  });
});
