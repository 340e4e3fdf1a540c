import { describe, expect, it } from "vitest";
import { signalIfSame, lookAt } from "../support/live-processes.ts";
import { leaveEndedSessions, multiplyClients } from "../support/many-sessions.ts";
import type { Outcome } from "../support/program.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/*
 * Very many of everything. `npm run torture -- --scale` does it in full size and prints how long things take.
 */

const isFull = process.env["HOLDFAST_SCALE"] === "full";
const size = isFull
  ? { contenders: { kernel: 200, lease: 200 }, waiters: 64, ended: 10_000, clients: 1_000 }
  : { contenders: { kernel: 200, lease: 40 }, waiters: 24, ended: 2_000, clients: 300 };
const timeout = 600_000;

/** Runs holdfast, and tells how long that took if somebody wants to know. */
async function timed(workspace: Workspace, ...args: string[]): Promise<Outcome> {
  const outcome = await workspace.holdfast(args);
  if (isFull) console.log(`${args.slice(0, 4).join(" ")}: ${Math.round(outcome.elapsedMs)} ms`);
  return outcome;
}

describe("contenders at once", () => {
  it.each(pulsesHere.map((pulse) => ({ pulse, count: size.contenders[pulse] })))(
    "$count: one gets the lock, the others are told who it is, and nothing is left (R3.1; $pulse pulse)",
    { timeout },
    async ({ pulse, count }) => {
      const workspace = openWorkspace();
      const env = { HOLDFAST_PULSE: pulse };
      const command = (id: number) => ["start", `c${id}`, "--json", "--", ...agent("sleeper.sh")];
      const begun = performance.now();
      const outcomes = await Promise.all(
        Array.from({ length: count }, (_, id) => workspace.holdfast(command(id), { env })),
      );
      if (isFull) console.log(`${count} starts, ${pulse}: ${Math.round(performance.now() - begun)} ms`);
      const [winner, ...more] = outcomes.filter(({ exitCode }) => exitCode === 0);
      expect(more).toEqual([]);
      const { session } = winner?.json() ?? {};
      const refused = outcomes.filter((outcome) => outcome !== winner);
      expect(refused.map(({ exitCode }) => exitCode)).toEqual(refused.map(() => 75));
      for (const outcome of refused) {
        expect(outcome.json().error).toMatchObject({ code: "BUSY", holder: { id: session.id, uid: session.uid } });
      }
      expect(workspace.agents().map(({ pid }) => pid)).toEqual([session.pid]);
      expect(workspace.sessionDirectories()).toEqual([session.uid]);
      expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
      expect(endOf(workspace, session.uid)).toMatchObject({ reason: "stopped" });
      await expectFree(workspace, { env });
    },
  );
});

describe(`${size.waiters} waiters`, () => {
  it.each(pulsesHere)(
    "have their turns in the order they came, and nobody waits in vain (R4.6; %s pulse)",
    { timeout },
    async (pulse) => {
      const workspace = openWorkspace();
      const env = { HOLDFAST_PULSE: pulse };
      const holder = await startSession(workspace, agent("sleeper.sh"), { env });
      const waiting = [];
      for (let number = 1; number <= size.waiters; number += 1) {
        const words = ["run", "-q", "--id", `w${number}`, "sh", "-c", `echo ${number} >>order`];
        waiting.push(workspace.spawnHoldfast(words, { env, input: "" }));
        await until(() => workspace.events("queued").length === number, { withinMs: 60_000 });
      }
      const status = await statusOf(workspace, { env });
      expect(status.queue.map(({ position, id }: { position: number; id: string }) => [position, id])).toEqual(
        waiting.map((_, index) => [index + 1, `w${index + 1}`]),
      );
      const begun = performance.now();
      await workspace.holdfast(["stop", holder.id], { env });
      const outcomes = await Promise.all(waiting.map(({ ended }) => ended));
      if (isFull) console.log(`${size.waiters} turns, ${pulse}: ${Math.round(performance.now() - begun)} ms`);
      expect(outcomes.map(({ exitCode }) => exitCode)).toEqual(waiting.map(() => 0));
      expect(workspace.read("order")).toBe(waiting.map((_, index) => `${index + 1}\n`).join(""));
      await expectFree(workspace, { env });
    },
  );
});

describe(`${size.ended} ended sessions`, () => {
  it(
    "slow nobody down, are listed the newest first, and are forgotten as they should be (R1.4)",
    { timeout },
    async () => {
      const workspace = openWorkspace();
      workspace.configure({ retention: { keep: 2 * size.ended } });
      const quickest = async (...args: string[]) => {
        const runs = [];
        for (let times = 0; times < 3; times += 1) runs.push((await workspace.holdfast(args)).elapsedMs);
        return Math.min(...runs);
      };
      await workspace.holdfast(["run", "--id", "first", "true"]);
      const before = { list: await quickest("list"), status: await quickest("status"), logs: await quickest("logs") };
      const apartMs = 60_000;
      leaveEndedSessions(workspace, size.ended, apartMs);

      const listed = (await timed(workspace, "list", "--json")).json();
      // Those of the last hour, as many as are asked for.
      expect(listed).toMatchObject({ more: true });
      const ids = listed.sessions.map(({ id }: { id: string }) => id);
      expect(ids.filter((id: string) => id !== "first")).toEqual(
        Array.from({ length: 19 }, (_, index) => `old-${size.ended - index}`),
      );
      const all = (await timed(workspace, "list", "--ended", "-n", String(size.ended + 1), "--json")).json();
      expect(all.sessions).toHaveLength(size.ended + 1);
      expect((await timed(workspace, "status", "--json")).json()).toMatchObject({ active: false });
      expect((await timed(workspace, "logs", "-n", "5", "--json")).json().events).toHaveLength(5);
      expect((await timed(workspace, "wait", "old-1")).exitCode).toBe(0);
      const started = await timed(workspace, "start", "next", "--json", "--", ...agent("sleeper.sh"));
      expect(started.exitCode).toBe(0);
      expect((await timed(workspace, "stop")).exitCode).toBe(0);
      // Not by more than reading a directory of that many takes; generous, because others share the machine.
      for (const [command, ms] of Object.entries(before)) {
        const now = await quickest(command);
        if (isFull) console.log(`${command}: ${Math.round(ms)} ms before, ${Math.round(now)} ms now`);
        expect(now).toBeLessThan(3 * ms + 500);
      }

      const hours = 2;
      const old = size.ended - hours * 60;
      const cleaned = (await timed(workspace, "cleanup", "--ended", `${hours}h`, "--json")).json();
      expect(Math.abs(cleaned.count - old)).toBeLessThanOrEqual(5);
      expect(cleaned).toMatchObject({ failed: 0 });
      expect(workspace.events("removed")).toHaveLength(cleaned.count);
      workspace.configure({ retention: { keep: 10 } });
      expect((await timed(workspace, "run", "true")).exitCode).toBe(0);
      expect(workspace.sessionDirectories()).toHaveLength(10);
      await expectFree(workspace);
    },
  );
});

describe(`${size.clients} clients`, () => {
  it(
    "are counted and listed, leave one by one, and go with their process or with the session (R5.2, R2.6)",
    { timeout },
    async () => {
      const workspace = openWorkspace();
      const { uid } = await startSession(workspace);
      const join = async (name: string) => {
        const { pid } = workspace.spawn(["sleep", "1000"]);
        expect((await timed(workspace, "join", "--pid", String(pid), "--as", name, "--json")).exitCode).toBe(0);
        const process = lookAt(pid);
        if (process === null) throw new Error("The client is gone");
        return process;
      };
      const one = await join("one");
      multiplyClients(workspace, uid, size.clients - 1);
      const joined = await join("another");
      const status = (await timed(workspace, "status", "--json")).json();
      expect(status.session.clients).toHaveLength(size.clients + 1);
      expect((await timed(workspace, "list", "--json")).json().sessions).toMatchObject([
        { active_clients: size.clients + 1 },
      ]);
      expect((await timed(workspace, "leave", "--as", "client-7", "--json")).json().count).toBe(1);
      expect((await statusOf(workspace)).session.clients).toHaveLength(size.clients);

      signalIfSame(joined, "SIGKILL");
      await until(() => lookAt(joined.pid) === null);
      expect((await statusOf(workspace)).session.clients).toHaveLength(size.clients - 1);
      signalIfSame(one, "SIGKILL");
      await until(() => lookAt(one.pid) === null);
      expect((await timed(workspace, "status", "--json")).json().session.clients).toEqual([]);
      const left = workspace.events("left");
      expect(new Set(left.map(({ client }) => (client as { uid: string }).uid)).size).toBe(size.clients + 1);
      expect(left).toHaveLength(size.clients + 1);

      const last = await join("last");
      multiplyClients(workspace, uid, size.clients - 1);
      const stopped = await timed(workspace, "stop", "--json");
      expect(stopped.exitCode).toBe(0);
      expect(workspace.events("left")).toHaveLength(2 * size.clients + 1);
      signalIfSame(last, "SIGKILL");
      await expectFree(workspace);
    },
  );
});
