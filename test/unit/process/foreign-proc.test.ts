import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  here,
  identify,
  identifyChild,
  livenessOf,
  selfIdentity,
  signalProcess,
} from "../../../src/process/identity.ts";
import { openProcessTable } from "../../../src/process/table.ts";
import { terminalName } from "../../../src/process/terminal-name.ts";
import { rejectionOf } from "../../support/failure-of.ts";

/* A /proc that numbers the processes of another PID namespace, as after `unshare --pid --fork`, and an odd sysfs. */

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  return {
    ...real,
    readlinkSync: (path: string) => (path === "/proc/self" ? "1" : real.readlinkSync(path)),
    readFileSync: (path: string, ...options: [BufferEncoding]) =>
      path === "/sys/dev/char/240:7/uevent" ? "MAJOR=240\nMINOR=7\n" : real.readFileSync(path, ...options),
  };
});
vi.mock(import("../../../src/process/proc-files.ts"), async (original) => {
  const real = await original();
  return { ...real, readProcFile: (path) => (path === "/proc/self/stat" ? "gone" : real.readProcFile(path)) };
});

describe.skipIf(process.platform !== "linux")("where /proc is of another PID namespace", () => {
  it("nobody is taken for somebody there: no identity, no liveness, no signal (R0.3)", () => {
    const parent = { pid: process.ppid, started: "1", ...here() };
    expect([identify(process.ppid), identifyChild(process.ppid)]).toEqual([null, null]);
    expect(livenessOf(parent)).toBe("unknown");
    const kill = vi.spyOn(process, "kill");
    onTestFinished(() => kill.mockRestore());
    expect(signalProcess(parent, "SIGTERM")).toBe("not_ours");
    expect(kill).not.toHaveBeenCalled();
  });

  it("the processes cannot be listed, and that is said: an empty table would say that nothing runs", async () => {
    expect(await rejectionOf(openProcessTable())).toMatchObject({ code: "UNAVAILABLE", facts: { path: "/proc" } });
  });

  it("this process does not know when it was started, and so is never taken for another one", () => {
    expect(selfIdentity()).toMatchObject({ pid: process.pid, started: "" });
  });
});

it("a terminal that sysfs has no name for is called by its numbers", () => {
  expect(terminalName((240 << 8) | 7)).toBe("240:7");
});
