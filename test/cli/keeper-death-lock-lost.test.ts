import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, removeState, startSession, statusOf, survivorsOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const lease = { HOLDFAST_PULSE: "lease" };

describe("a session whose state directory is removed", () => {
  it.each(pulsesHere)("is restored under its token, and goes on (R3.1; %s pulse)", async (pulse) => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: pulse };
    await startSession(workspace, agent("sleeper.sh"), { id: "before", env });
    await workspace.holdfast(["stop"], { env });
    const session = await startSession(workspace, agent("family.sh"), { env });
    await workspace.announced("grandchild");
    removeState(workspace);
    await until(() => existsSync(join(workspace.state, "session.lock")));
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid: session.uid, token: 2, state: "active" });
    const refused = await workspace.holdfast(["start", "other", "--json", "--", ...agent("sleeper.sh")], { env });
    expect(refused.json().error).toMatchObject({ code: "BUSY", holder: { uid: session.uid } });
    expect(workspace.events("lock_restored")).toMatchObject([{ session: "demo", uid: session.uid, token: 2 }]);
    expect((await workspace.holdfast(["stop", "demo"], { env })).exitCode).toBe(0);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "stopped" });
    await expectFree(workspace, { env });
    expect((await startSession(workspace, agent("sleeper.sh"), { id: "after", env })).token).toBeGreaterThan(2);
  });

  describe.each(pulsesHere)("by its agent, which ends before the keeper looks (%s pulse)", (pulse) => {
    const env = { HOLDFAST_PULSE: pulse };
    const removes = ["sh", "-c", "read -r _ <fifo; rm -rf .holdfast || rm -rf .holdfast; exit 7"];

    it("has its end in the log (R2.1)", async () => {
      const workspace = openWorkspace();
      await workspace.spawn(["mkfifo", "fifo"], { input: "" }).ended;
      const { uid, keeperPid } = await startSession(workspace, removes, { env });
      await tell(join(workspace.root, "fifo"));
      await until(() => !isAlive(keeperPid), { what: "the keeper is gone" });
      expect(endOf(workspace, uid)).toMatchObject({ reason: "exited", exit_code: 7 });
      await expectFree(workspace, { env });
    });

    it("is restored, and its agent started again (R1.3, R3.1)", async () => {
      const workspace = openWorkspace();
      await workspace.spawn(["mkfifo", "fifo"], { input: "" }).ended;
      const { uid, token } = await startSession(workspace, removes, { env, options: ["--restart", "always"] });
      await tell(join(workspace.root, "fifo"));
      await until(() => workspace.events("restarted").length > 0, { what: "its agent is started again" });
      expect(workspace.events("lock_restored")).toMatchObject([{ uid, token }]);
      expect((await statusOf(workspace, { env })).session).toMatchObject({ uid, token, state: "active", restarts: 1 });
      expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
      expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped" });
      await expectFree(workspace, { env });
    });
  });

  it("is ended with who waits for it by a cleanup that comes before it is restored, and not started again (R3.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { options: ["--restart", "always"] });
    await workspace.holdfast(["start", "next", "--queue", "--", ...agent("sleeper.sh")]);
    removeState(workspace);
    // Its keeper has looked just now, and does so again in a second.
    await until(() => workspace.events("lock_restored").length > 0);
    removeState(workspace);
    const cleaned = await workspace.holdfast(["cleanup", "--json"]);
    expect(cleaned.exitCode).toBe(0);
    expect(cleaned.json().actions).toMatchObject([
      { what: "waiter", name: "next", result: "ended" },
      { what: "session", name: "demo", result: "ended" },
    ]);
    expect([...workspace.agents(), ...workspace.keepers()]).toEqual([]);
    await expectFree(workspace);
  });

  it("is no stray to a cleanup that comes when only another slot is restored (R3.6)", async () => {
    const workspace = openWorkspace();
    const options = ["--slots", "2"];
    for (const id of ["demo", "other"]) await startSession(workspace, agent("sleeper.sh"), { id, options });
    removeState(workspace);
    await until(() => workspace.events("lock_restored").length > 0);
    const cleaned = await workspace.holdfast(["cleanup", "--json"]);
    expect(cleaned.json().actions).toMatchObject([
      { what: "session", name: "demo", result: "ended" },
      { what: "session", name: "other", result: "ended" },
    ]);
    expect([...workspace.agents(), ...workspace.keepers()]).toEqual([]);
    await expectFree(workspace);
  });

  it("outlives the beat of the lease it had before (R3.1)", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace, agent("sleeper.sh"), { env: lease });
    removeState(workspace);
    await until(() => workspace.events("lock_restored").length > 0);
    const restoredAt = performance.now();
    // A lease beats every 3 s, and the old one finds then that it is gone.
    await until(() => performance.now() - restoredAt > 4000);
    expect((await statusOf(workspace, { env: lease })).session).toMatchObject({ uid: session.uid, state: "active" });
    expect(isAlive(session.pid)).toBe(true);
    expect(workspace.events("ended")).toEqual([]);
  });

  // Who stopped it took its keeper for dead, and wrote an end beside that of the keeper.
  it.each(pulsesHere)("while it is stopped ends once, and by its keeper (R3.4; %s pulse)", async (pulse) => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: pulse };
    const { uid, pid, keeperPid } = await startSession(workspace, agent("sleeper.sh"), { env });
    process.kill(keeperPid, "SIGSTOP");
    const stopping = workspace.spawnHoldfast(["stop", "demo", "--json"], { env });
    await until(() => existsSync(join(workspace.state, "sessions", uid, "stop.json")));
    removeState(workspace);
    // As somebody who waits in line makes them again.
    for (const name of ["claims", "queue", "sessions"])
      mkdirSync(join(workspace.state, name), { recursive: true, mode: 0o700 });
    const removedAt = performance.now();
    await until(() => performance.now() - removedAt > 1000);
    process.kill(keeperPid, "SIGCONT");
    expect(await stopping.ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(uid) });
    await until(() => !isAlive(keeperPid));
    expect(isAlive(pid)).toBe(false);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped" });
  });

  it("is ended when somebody took the lock meanwhile: never two for long (R3.1)", async () => {
    const workspace = openWorkspace();
    const first = await startSession(workspace, agent("family.sh"));
    const family = [first.pid, await workspace.announced("child"), await workspace.announced("grandchild")];
    process.kill(first.keeperPid, "SIGSTOP");
    removeState(workspace);
    const second = await startSession(workspace, agent("sleeper.sh"), { id: "second" });
    process.kill(first.keeperPid, "SIGCONT");
    await until(() => !isAlive(first.keeperPid));
    expect(survivorsOf(family)).toEqual([]);
    expect(isAlive(second.pid)).toBe(true);
    expect((await statusOf(workspace)).session).toMatchObject({ uid: second.uid, state: "active" });
    expect(workspace.events("lock_lost")).toMatchObject([{ session: "demo", uid: first.uid }]);
    expect(endOf(workspace, first.uid)).toMatchObject({ reason: "lock_lost" });
  });
});
