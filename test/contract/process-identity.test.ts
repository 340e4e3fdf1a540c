import { symlinkSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  here,
  identify,
  livenessOf,
  selfIdentity,
  signalProcess,
  startedBefore,
  type ProcessIdentity,
} from "../../src/process/identity.ts";
import { lookAtProcess } from "../../src/process/look-at-process.ts";
import { bootByPs, lookByPs } from "../../src/process/look-by-ps.ts";
import { startFixture, startProgram, startZombie } from "../support/fixture-processes.ts";
import { hasPs } from "../support/has-ps.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** The identity of a process that runs, or the test fails. */
function identityOf(pid: number): ProcessIdentity {
  const identity = identify(pid);
  if (identity === null) throw new Error(`No process ${pid}`);
  return identity;
}

describe("identify", () => {
  it("tells who this process is, and who its parent (R0.3)", () => {
    expect(identify(process.pid)).toEqual(selfIdentity());
    expect(selfIdentity()).toMatchObject({ pid: process.pid, started: expect.stringMatching(/./), ...here() });
    expect(livenessOf(selfIdentity())).toBe("alive");
    expect(livenessOf(identityOf(process.ppid))).toBe("alive");
  });

  it("is not led astray by a name with spaces and parentheses", async () => {
    const program = join(temporaryDirectory(), "a) R 1 (b");
    symlinkSync(execFileSync("sh", ["-c", "command -v sleep"], { encoding: "utf8" }).trim(), program);
    const { pid } = await startProgram(program, ["60"], { argv0: "sleep", silent: true });
    const identity = identityOf(pid);
    expect(livenessOf(identity)).toBe("alive");
    expect(Number(identity.started)).toBeGreaterThanOrEqual(Number(selfIdentity().started));
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 40])("knows no process %d", (pid) => {
    expect(identify(pid)).toBeNull();
  });
});

describe("startedBefore", () => {
  it.each([
    ["99", "100", true],
    ["100", "99", false],
    ["100", "100", false],
    ["Sat Nov 21 10:34:03 2026", "Sun Nov 22 09:00:00 2026", true],
    ["Sun Nov 22 09:00:00 2026", "Sat Nov 21 10:34:03 2026", false],
    ["", "100", false],
    ["99", "", false],
  ])("%j before %j: %s", (started, other, expected) => {
    const self = selfIdentity();
    expect(startedBefore({ ...self, started }, { ...self, started: other })).toBe(expected);
    expect(startedBefore({ ...self, started, boot: "another" }, { ...self, started: other })).toBe(false);
  });
});

describe("livenessOf", () => {
  it("is dead when the process has ended (R2.6)", async () => {
    const { pid, child, exited } = await startFixture("sleeper.sh");
    const identity = identityOf(pid);
    expect(livenessOf(identity)).toBe("alive");
    child.kill("SIGKILL");
    await exited;
    expect(livenessOf(identity)).toBe("dead");
    expect(identify(pid)).toBeNull();
    expect(signalProcess(identity, "SIGTERM")).toBe("gone");
  });

  it("is dead for a zombie", async () => {
    const { pid } = await startZombie();
    const look = lookAtProcess(pid);
    expect(look).toMatchObject({ zombie: true, started: expect.stringMatching(/./) });
    expect(hasPs ? lookByPs(pid) : look).toMatchObject({ zombie: true });
    expect(identify(pid)).toBeNull();
    const identity = { ...selfIdentity(), pid, started: typeof look === "string" ? look : look.started };
    expect(livenessOf(identity)).toBe("dead");
    expect(signalProcess(identity, "SIGTERM")).toBe("gone");
  });

  it.each<[string, Partial<ProcessIdentity>, string]>([
    ["another start time", { started: "1" }, "dead"],
    ["another boot of this host", { boot: "another" }, "dead"],
    ["another machine", { boot: "another", host: "elsewhere" }, "unknown"],
    ["this kernel under another host name, as from a container", { host: "elsewhere" }, "alive"],
    ["another PID namespace of this kernel", { pid_ns: "pid:[1]", host: "elsewhere" }, "unknown"],
    ["an unknown boot", { boot: "" }, "unknown"],
  ])("of %s (R2.3)", (_, change, expected) => {
    expect(livenessOf({ ...selfIdentity(), ...change })).toBe(expected);
  });
});

describe("signalProcess", () => {
  it("signals the process that is meant (R0.3)", async () => {
    const { pid, child, exited } = await startFixture("sleeper.sh");
    expect(signalProcess(identityOf(pid), "SIGTERM")).toBe("signalled");
    await exited;
    expect(child.signalCode).toBe("SIGTERM");
  });

  it.each<[string, Partial<ProcessIdentity>, string]>([
    ["another process had the PID before", { started: "1" }, "not_ours"],
    ["it is from before a reboot", { boot: "another", started: "1" }, "not_ours"],
    ["it is another machine's", { boot: "another", host: "elsewhere" }, "not_ours"],
    ["it is another container's", { pid_ns: "pid:[1]" }, "not_ours"],
  ])("never signals an innocent process with that PID: %s (R0.3)", async (_, forged, expected) => {
    const { pid } = await startFixture("sleeper.sh");
    const kill = vi.spyOn(process, "kill");
    expect(signalProcess({ ...identityOf(pid), ...forged }, "SIGKILL")).toBe(expected);
    expect(kill).not.toHaveBeenCalled();
    kill.mockRestore();
    expect(livenessOf(identityOf(pid))).toBe("alive");
  });

  it.each([1, 0, -1, -process.pid, 1.5, Number.NaN])("never signals PID %d: init, a group, everything", (pid) => {
    const kill = vi.spyOn(process, "kill");
    expect(signalProcess({ ...selfIdentity(), pid }, "SIGKILL")).toBe("not_ours");
    expect(kill).not.toHaveBeenCalled();
  });

  it.each([
    ["EPERM", "not_permitted"],
    ["ESRCH", "gone"],
  ])("says %s as %s", (code, expected) => {
    vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error(code), { code });
    });
    expect(signalProcess(selfIdentity(), "SIGTERM")).toBe(expected);
  });
});

describe.skipIf(!hasPs)("a look with ps", () => {
  it("tells the same start time at every look, whatever the time zone", async () => {
    const { pid } = await startFixture("sleeper.sh");
    const look = lookByPs(pid);
    expect(look).toMatchObject({ started: expect.stringMatching(/^\w+ \w+ \d+ [\d:]+ \d{4}$/), zombie: false });
    vi.stubEnv("TZ", "Asia/Kathmandu");
    expect(lookByPs(pid)).toEqual(look);
    vi.unstubAllEnvs();
  });

  it("finds nothing where nothing is, and says so when it cannot look", () => {
    expect(lookByPs(2 ** 30)).toBe("none");
    vi.stubEnv("PATH", "/nonexistent");
    expect(lookByPs(process.pid)).toBe("hidden");
    expect(bootByPs()).toBe("");
    vi.unstubAllEnvs();
  });
});
