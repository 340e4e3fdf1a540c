import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { hasKernelPulse, pulsesHere } from "../support/pulses-here.ts";
import { readyWaiter } from "../support/ready-waiter.ts";
import { endOf, expectFree, startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const preload = join(import.meta.dirname, "../fixtures/preloads/signals-itself.cjs");

/** Has a SIGTERM come to the process of this script in a certain moment. */
function terminated(script: string, at: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--require=${preload}`, SIGNALLED: script, AT: at };
}

describe("a TERM in the very moment of its turn", () => {
  // Nothing is ready ahead of its turn with a lease.
  it.skipIf(!hasKernelPulse)(
    "is for the command of a run that has the lock, though it does not run yet (R2.2)",
    async () => {
      const workspace = openWorkspace();
      const holder = await holdLock(workspace, { id: "first" });
      const cwd = join(workspace.root, "work");
      mkdirSync(cwd);
      const env = terminated("holdfast.js", "kill");
      const words = ["--id", "second", "--", "sleep", "300"];
      const { waiter, standby } = await readyWaiter(workspace, words, { cwd, env });
      // What it has ready is of no use now, and has to be ended first; it does not end by itself.
      process.kill(standby, "SIGSTOP");
      renameSync(cwd, join(workspace.root, "old"));
      mkdirSync(cwd);
      await holder.letGo();
      expect((await waiter.ended).exitCode).toBe(143);
      expect(workspace.events("started").map(({ session }) => session)).toEqual(["first", "second"]);
      expect(workspace.events("ended").at(-1)).toMatchObject({ session: "second", signal: "SIGTERM" });
      await expectFree(workspace);
    },
  );

  it.each(pulsesHere)(
    "ends start --wait before it has begun a session, and the next has its turn (%s)",
    async (pulse) => {
      const workspace = openWorkspace();
      const env = { HOLDFAST_PULSE: pulse };
      await startSession(workspace, agent("sleeper.sh"), { id: "first", env });
      const wait = async (id: string, more = {}) => {
        const words = ["start", id, "--wait", "25s", "--json", "--", "sleep", "300"];
        const waiting = workspace.spawnHoldfast(words, { env: { ...env, ...more } });
        await until(() => waiting.stderr().includes("waiting"), { what: `${id} waits` });
        return waiting;
      };
      const told = await wait("told", terminated("holdfast.js", "session.2"));
      const next = await wait("next");
      await workspace.holdfast(["stop", "first"], { env });
      expect(await told.ended).toMatchObject({ signal: "SIGTERM", stdout: "" });
      expect((await next.ended).json()).toMatchObject({ session: { id: "next" } });
      expect(workspace.events("started").map(({ session }) => session)).toEqual(["first", "next"]);
    },
  );

  // In this order it comes when the session has its keeper, while what is left of the one before is ended, and while the lock
  // is being taken.
  const moments = [
    ["kernel", 1, "stopped"],
    ["kernel", 2, "killed"],
    ["lease", 2, "stopped"],
  ] as const;
  it.each(moments.filter(([pulse]) => pulsesHere.includes(pulse)))(
    "ends a session of start --queue, and the next has its turn (R1.1, R4.6; %s, slots: %i, the one before %s)",
    async (...how) => {
      const [pulse, slots, end] = how;
      const workspace = openWorkspace();
      const env = { HOLDFAST_PULSE: pulse };
      const options = ["--slots", String(slots)];
      const first = await startSession(workspace, agent("sleeper.sh"), { id: "held1", options, env });
      if (slots > 1) await startSession(workspace, agent("sleeper.sh"), { id: "held2", options, env });
      const queue = async (id: string, more = {}) => {
        const start = ["start", id, "--queue", ...options, "--json", "--", "sleep", "300"];
        return (await workspace.holdfast(start, { env: { ...env, ...more } })).json().session.uid;
      };
      const told = await queue("told", terminated("keeper.js", `session.${slots + 1}`));
      const next = await queue("next");
      if (end === "stopped") await workspace.holdfast(["stop", "held1"], { env });
      else for (const pid of [first.keeperPid, first.pid]) process.kill(pid, "SIGKILL");
      await until(() => workspace.events("started").some(({ uid }) => uid === next), { what: "the next has its turn" });
      expect(endOf(workspace, told)).toMatchObject({ reason: "stopped" });
      for (const id of ["next", "held2"].slice(0, slots)) await workspace.holdfast(["stop", id], { env });
      await expectFree(workspace, { env });
    },
  );
});

describe("start --queue whose keeper leaves before it has its place in line", () => {
  // With a lease a ticket takes a moment to write, in which a keeper can be told things.
  const env = { HOLDFAST_PULSE: "lease" };
  it.each([
    ["was told to end", ["--queue"], terminated("keeper.js", "queue"), { code: "START_FAILED" }],
    ["waited long enough", ["--queue", "--wait", "1ms"], {}, { code: "WAIT_TIMEOUT", waited_seconds: 0.001 }],
  ])("says that it %s, and leaves nothing (R4.6)", async (_, options, more, error) => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "held", env });
    const start = ["start", "late", ...options, "--json", "--", "sleep", "300"];
    const refused = await workspace.holdfast(start, { env: { ...env, ...more } });
    expect(refused.json()).toMatchObject({ ok: false, error: { ...error, next: ["holdfast status"] } });
    expect((await workspace.holdfast(["status", "--json"], { env })).json().queue).toEqual([]);
    await workspace.holdfast(["stop", "held"], { env });
    await expectFree(workspace, { env });
  });
});

describe("stop of whoever has the lock for the moment in which it finds an orphan in its way", () => {
  it.each(pulsesHere)("takes it out of the line, for it never had a session (R1.1, R3.4; %s)", async (pulse) => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: pulse };
    const orphan = await startSession(workspace, agent("closes-descriptors.sh"), { id: "orphan", env });
    process.kill(orphan.keeperPid, "SIGKILL");
    await until(() => !isAlive(orphan.keeperPid));
    const stops = { ...env, ...terminated("holdfast.js", "session.2"), SIGNAL: "SIGSTOP" };
    const waiter = workspace.spawnHoldfast(["run", "--id", "next", "--", "true"], { env: stops });
    await until(() => lookAt(waiter.pid)?.state === "T");
    const stopping = workspace.spawnHoldfast(["stop", "--json"], { env });
    await until(() => workspace.events("stop_requested").length > 0);
    waiter.signal("SIGCONT");
    const stopped = await stopping.ended;
    expect(stopped.exitCode).toBe(0);
    expect(JSON.parse(stopped.stdout)).toMatchObject({ kind: "waiter", waiter: { id: "next", pid: waiter.pid } });
    expect((await waiter.ended).signal).toBe("SIGTERM");
    expect(workspace.events("ended")).toEqual([]);
    expect(isAlive(orphan.pid)).toBe(true);
  });
});
