import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { readyWaiter } from "../support/ready-waiter.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const preload = join(import.meta.dirname, "../fixtures/preloads/signals-itself.cjs");

/** Has a SIGTERM come to the process of this script in a certain moment. */
function terminated(script: string, at: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--require=${preload}`, SIGNALLED: script, AT: at };
}

describe("a TERM in the very moment of its turn", () => {
  it("is for the command of a run that has the lock, though it does not run yet (R2.2)", async () => {
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
  });

  it("ends a session of start --queue, and the next one has its turn (R1.1, R4.6)", async () => {
    const workspace = openWorkspace();
    // It is looked for then, which takes its time.
    workspace.configure({ agent: { match: "nothing-is-called-like-this" } });
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const queue = async (id: string, env = {}) => {
      const queued = await workspace.holdfast(["start", id, "--queue", "--json", "--", "sleep", "300"], { env });
      return queued.json().session.uid;
    };
    const second = await queue("second", terminated("keeper.js", "session.2"));
    await queue("third");
    await workspace.holdfast(["stop", "first"]);
    const { session } = await until(async () => {
      const status = await statusOf(workspace);
      return status.session?.id === "third" && status.session.state === "active" ? status : null;
    });
    expect(endOf(workspace, second)).toMatchObject({ reason: "stopped", by: expect.anything() });
    expect(workspace.agents().map(({ pid }) => pid)).toEqual([session.pid]);
    expect(isAlive(session.pid)).toBe(true);
    await workspace.holdfast(["stop", "third"]);
    await expectFree(workspace);
  });
});
