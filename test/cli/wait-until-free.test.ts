import { describe, expect, it } from "vitest";
import { holdLock, waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import type { RunningProgram } from "../support/program.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { startSession, statusOf, untilItWaits } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const sleeper = agent("sleeper.sh");
const untilFree = (...words: string[]) => ["wait", ...words, "--until", "free"];

/** A `wait --until free` that sleeps until something ends. */
async function waiting(workspace: Workspace, ...words: string[]): Promise<RunningProgram> {
  const wait = workspace.spawnHoldfast(untilFree(...words));
  await untilItWaits(wait);
  return wait;
}

async function queue(workspace: Workspace, id: string, ...options: string[]): Promise<void> {
  const queued = await workspace.holdfast(["start", id, "--queue", ...options, "--json", "--", ...sleeper]);
  expect(queued.json()).toMatchObject({ ok: true, queued: true });
}

async function untilActive(workspace: Workspace, id: string): Promise<void> {
  await until(async () => (await statusOf(workspace)).session?.id === id, { what: `${id} is active` });
}

describe("wait --until free", () => {
  it("returns at once where nobody holds the lock, whoever is named", async () => {
    const workspace = openWorkspace();
    for (const words of [[], ["nobody"]]) {
      const waited = await workspace.holdfast([...untilFree(...words), "--json"]);
      expect(waited.exitCode).toBe(0);
      expect(waited.json()).toMatchObject({ ok: true, until: "free", session: null, end: null });
    }
  });

  it("returns when the lock is free, with 0 whatever the session's code", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first", exitCode: 9 });
    const wait = await waiting(workspace, "--json");
    await holder.letGo();
    const waited = await wait.ended;
    expect(waited.exitCode).toBe(0);
    expect(waited.json()).toMatchObject({ session: { id: "first", phase: "ended" }, end: { exit_code: 9 } });
    expect((await workspace.holdfast(untilFree())).stdout).toBe("✅ The lock is free\n");
  });

  it("does not call it free while somebody in line gets it", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, sleeper, { id: "first" });
    await queue(workspace, "second");
    const waits = [await waiting(workspace), await waiting(workspace, "first"), await waiting(workspace, "second")];
    await workspace.holdfast(["stop", "first"]);
    await untilActive(workspace, "second");
    for (const wait of waits) await untilItWaits(wait);
    expect((await workspace.holdfast([...untilFree(), "--timeout", "0"])).exitCode).toBe(75);
    await workspace.holdfast(["stop", "second"]);
    for (const wait of waits) expect(await wait.ended).toMatchObject({ exitCode: 0, stdout: "✅ The lock is free\n" });
  });

  it("does not call it free when the holder is killed and the next in line has it", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const next = await waitInLine(workspace, ["--id", "second", ...sleeper]);
    const wait = await waiting(workspace);
    holder.run.signal("SIGKILL");
    process.kill(holder.agentPid, "SIGKILL");
    await untilActive(workspace, "second");
    await untilItWaits(wait);
    next.signal("SIGTERM");
    expect((await wait.ended).exitCode).toBe(0);
  });

  it("fails with SESSION_MISMATCH when another session holds the lock than the one named (66, R3.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const refused = await workspace.holdfast([...untilFree("other"), "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error).toMatchObject({ code: "SESSION_MISMATCH", expected: "other", found: "demo" });
  });

  it("takes one free slot of several for free, but not while somebody waits for it", async () => {
    const workspace = openWorkspace();
    for (const id of ["first", "second"]) await startSession(workspace, sleeper, { id, options: ["--slots", "2"] });
    await queue(workspace, "third", "--slots", "2");
    const wait = workspace.spawnHoldfast([...untilFree(), "--json"]);
    await workspace.holdfast(["stop", "first"]);
    await until(() => workspace.events("started").some(({ session }) => session === "third"));
    expect((await workspace.holdfast([...untilFree(), "--timeout", "0.3"])).exitCode).toBe(75);
    expect(isAlive(wait.pid)).toBe(true);
    await workspace.holdfast(["stop", "second"]);
    const waited = await wait.ended;
    expect(waited.exitCode).toBe(0);
    expect(waited.json()).toMatchObject({ session: null, end: null });
  });
});

describe.each(pulsesHere)(
  "wait --until free, with an orphan in the way that does not hold the lock (%s pulse)",
  (pulse) => {
    it("waits until that is gone (R2.3)", async () => {
      const workspace = openWorkspace();
      const env = { HOLDFAST_PULSE: pulse };
      const lost = await startSession(workspace, agent("closes-descriptors.sh"), { env });
      await workspace.announced("agent");
      process.kill(lost.keeperPid, "SIGKILL");
      await until(() => !isAlive(lost.keeperPid));
      expect((await workspace.holdfast([...untilFree(), "--timeout", "0.3"], { env })).exitCode).toBe(75);
      const wait = workspace.spawnHoldfast([...untilFree(), "--json"], { env });
      await workspace.holdfast(["stop", "demo"], { env });
      expect((await wait.ended).exitCode).toBe(0);
    });
  },
);
