import { describe, expect, it } from "vitest";
import { pulsesHere } from "../support/pulses-here.ts";
import { removeState, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

async function queue(workspace: Workspace, id: string, env: Record<string, string>): Promise<void> {
  const command = ["start", id, "--queue", "--json", "--", ...agent("sleeper.sh")];
  expect((await workspace.holdfast(command, { env })).json()).toMatchObject({ queued: true });
}

/** The ids in line; by the lock's own account, so that only what can be seen, and stopped, counts. */
async function lineOf(workspace: Workspace): Promise<readonly string[]> {
  const status = await statusOf(workspace);
  return status.queue.map(({ id }: { readonly id: string }) => id);
}

describe.each(pulsesHere)("a queue whose state directory is deleted, with a %s pulse", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  // Waiters went on without a ticket: no listing had them, `stop` and `cleanup` passed them by, and then they started.
  it("stands again, in its order, and can be stopped (R3.4, R4.6)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startSession(workspace, agent("sleeper.sh"), { id: "first", env });
    for (const id of ["second", "third", "fourth"]) await queue(workspace, id, env);
    removeState(workspace);
    // A waiter may be back before the holder is, which looks once a second; it must not take the lock in between.
    await until(() => workspace.events("lock_restored").length === 1, { what: "the holder stands again" });
    await until(async () => (await lineOf(workspace)).length === 3, { what: "the line stands again" });
    expect(await statusOf(workspace)).toMatchObject({ session: { id: "first", uid, pid } });
    expect(await lineOf(workspace)).toEqual(["second", "third", "fourth"]);
    expect(workspace.events("claimed")).toEqual([]);
    expect((await workspace.holdfast(["stop", "third"])).exitCode).toBe(0);
    await workspace.holdfast(["stop", "first"]);
    await until(async () => (await statusOf(workspace)).session?.id === "second");
    expect(await lineOf(workspace)).toEqual(["fourth"]);
    expect((await workspace.holdfast(["cleanup"])).exitCode).toBe(0);
    await workspace.untilEmpty();
  });
});
