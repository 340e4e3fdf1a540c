import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { defaultConfig } from "../../src/home/config.ts";
import { homeAt } from "../../src/home/locate.ts";
import { Leftovers } from "../../src/keeper/leftovers.ts";
import { rehearse } from "../../src/keeper/rehearsal.ts";
import { Standby } from "../../src/keeper/standby.ts";
import { systemClock } from "../../src/process/clock.ts";
import { ProcfsTable } from "../../src/process/procfs-table.ts";
import { currentActor } from "../../src/session/actor.ts";
import { openContext } from "../../src/session/context.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

/* A /proc that tells neither which PID was given out last nor how many processes were made: some containers hide both. */

vi.mock(import("../../src/process/proc-files.ts"), async (original) => {
  const real = await original();
  const silent = ["/proc/loadavg", "/proc/stat"];
  return { ...real, readProcFile: (path) => (silent.includes(path) ? told.answer : real.readProcFile(path)) };
});

const told = vi.hoisted((): { answer: "hidden" | Buffer } => ({ answer: "hidden" }));

afterEach(() => vi.restoreAllMocks());

describe.skipIf(process.platform !== "linux").each([
  ["hides", "hidden"],
  ["counts no processes, as a sandbox's, and hides", Buffer.from("0.00 0.00 0.00 0/0 0\n")],
] as const)("where /proc %s which PIDs were given out", (_, answer) => {
  beforeEach(() => {
    told.answer = answer;
  });

  it("anything may be left of an agent that has ended, and nothing is noted of its descent (R2.3)", async () => {
    const onNoted = vi.fn();
    const exited = new Promise<never>(() => undefined);
    const agent = { pid: process.pid, identity: null, spawnedAtMs: systemClock.now(), exited, outputFromByte: 0 };
    const roots = () => ({ groupLeader: null, roots: [], cookie: "nobody's", except: [] });
    const looked = vi.spyOn(systemClock, "now");
    const leftovers = new Leftovers(agent, { table: async () => new ProcfsTable(), roots, onNoted });
    // Of its own, when the agent has run for a moment.
    await until(() => looked.mock.calls.length > 0);
    expect(await leftovers.mayExist()).toBe(true);
    expect(onNoted).not.toHaveBeenCalled();
  });

  it("a rehearsal goes through all the same, and leaves nothing (R4.6)", async () => {
    const [root, memory] = [temporaryDirectory(), temporaryDirectory()];
    const home = homeAt(root, join(root, "state"));
    const about = { config: defaultConfig, env: {}, lockName: "session", by: currentActor(), create: true };
    await rehearse(await openContext({ home, ...about }), memory);
    expect(readdirSync(memory)).toEqual([]);
  });

  it.each([answer, Buffer.from("0.00 0.00 0.00 1/2 1\n")])(
    "a command that was made ahead of its turn has started what has a PID after its own (%#)",
    async (said) => {
      told.answer = said;
      const env = { PATH: process.env["PATH"] };
      const cwd = temporaryDirectory();
      const spec = { command: ["true"], cwd, env, output: "inherit", descriptor: null, ownGroup: false } as const;
      const standby = Standby.make(spec);
      onTestFinished(() => standby?.end());
      const agent = await standby?.take(1);
      expect(agent?.sincePid).toBe(agent?.pid);
    },
  );
});
