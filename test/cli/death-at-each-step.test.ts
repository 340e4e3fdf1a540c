import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock, waitInLine } from "../support/held-lock.ts";
import type { Outcome } from "../support/program.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { readyWaiter } from "../support/ready-waiter.ts";
import { openWorkspace, type CallOptions, type Workspace } from "../support/workspace.ts";

const preload = join(import.meta.dirname, "../fixtures/preloads/dies-at-step.cjs");

/** A command that ends when all that its beginning has others do is done. Its pattern does not match itself in its claim. */
const endsLate = "until grep -q 'after[_]pid' .holdfast/session.lock; do sleep 0.01; done; echo > armed";

/** The environment of a holdfast that dies at its n-th change to the file system after the file `armed` is there. */
function dyingAt(workspace: Workspace, step: number): NonNullable<CallOptions["env"]> {
  return {
    NODE_OPTIONS: `--require ${preload}`,
    DIE_AT: String(step),
    ARMED: join(workspace.root, "armed"),
  };
}

/** The lock is free, and every session that anything was said of has ended once, in the log and in its record. */
async function expectSettled(workspace: Workspace): Promise<void> {
  // Whoever looks first settles what there is to settle.
  const status = (await workspace.holdfast(["status", "--json"])).json();
  expect(status).toMatchObject({ active: false, session: null, process_count: 0, queue: [] });
  expect(existsSync(join(workspace.state, "session.lock"))).toBe(false);
  const about = workspace.events().filter(({ event }) => ["claimed", "started", "ended"].includes(event));
  const uids = [...new Set(about.map(({ uid }) => String(uid)))];
  const ended = workspace.events("ended");
  expect(ended.map(({ uid }) => String(uid)).toSorted()).toEqual(uids.toSorted());
  for (const { uid, reason, ended_at: at } of ended) {
    const record = JSON.parse(workspace.read(join(".holdfast/sessions", String(uid), "record.json")));
    expect(record).toMatchObject({ session: { uid, phase: "ended" }, end: { reason, ended_at: at } });
  }
}

/** Dies at one step after another, until there are no more. @returns how many there were */
async function atEachStep(round: (workspace: Workspace, step: number) => Promise<Outcome>): Promise<number> {
  for (let step = 1; ; step += 1) {
    const workspace = openWorkspace();
    const { signal } = await round(workspace, step);
    await expectSettled(workspace);
    if (signal === null) return step - 1;
    expect(signal).toBe("SIGKILL");
    await workspace.dispose();
  }
}

describe("run that dies at any step", { timeout: 300_000 }, () => {
  it("after its command's end: the session has one end, and its record (R2.3, R2.4)", async () => {
    const reasons: string[] = [];
    const steps = await atEachStep(async (workspace, step) => {
      const ended = await workspace.holdfast(["run", "sh", "-c", endsLate], { env: dyingAt(workspace, step) });
      reasons.push(workspace.events("ended").length === 0 ? "to be written" : "written");
      return ended;
    });
    // The log, the record, the link, the claim, and the disk.
    expect(steps).toBeGreaterThan(5);
    // Once it is in the log, nothing more changes it.
    expect(reasons).toEqual(reasons.toSorted());
    expect(new Set(reasons)).toEqual(new Set(["to be written", "written"]));
  });

  // The turn after a clean end takes the same steps, but for those that write the dead holder's.
  it("in its turn, after the holder was killed: its command runs whole or not at all (R2.3)", async () => {
    const ran: number[] = [];
    const steps = await atEachStep(async (workspace, step) => {
      const holder = await holdLock(workspace, { id: "first" });
      const words = ["--id", "second", "sh", "-c", "echo > ran"];
      const call = { env: dyingAt(workspace, step) };
      // With a lease nothing is ready ahead of its turn.
      const waiter = hasKernelPulse
        ? (await readyWaiter(workspace, words, call)).waiter
        : await waitInLine(workspace, words, call);
      workspace.write("armed", "");
      for (const pid of [holder.run.pid, holder.agentPid]) process.kill(pid, "SIGKILL");
      const ended = await waiter.ended;
      await workspace.untilEmpty();
      ran.push(Number(existsSync(join(workspace.root, "ran"))));
      return ended;
    });
    expect(steps).toBeGreaterThan(10);
    // Up to some step it has not, and from there on it has.
    expect(ran).toEqual(ran.toSorted((a, b) => a - b));
    expect(new Set(ran)).toEqual(new Set([0, 1]));
  });
});
