import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { setAge } from "../support/lock-forgery.ts";
import { endOf, expectFree, startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const preloads = join(import.meta.dirname, "../fixtures/preloads");
const lateTimers = join(preloads, "late-timers.cjs");
const cannotLook = join(preloads, "cannot-look.cjs");

/** As if their holders had stood still for that long. */
function letLeasesAge(workspace: Workspace): void {
  const claims = join(workspace.state, "claims");
  for (const name of readdirSync(claims)) if (name.startsWith(".lease-")) setAge(join(claims, name), 60_000);
}

/** Alone in their file: a lease lasts 15 seconds, and nobody helps the first one to be over sooner here. */
describe("a keeper that really stands still for longer than its lease lasts", () => {
  it("has lost the lock: it ends its agent as soon as it goes on, once (R3.1)", { timeout: 90_000 }, async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: "lease" };
    const { uid, pid, keeperPid } = await startSession(workspace, agent("family.sh"), { env });
    const child = await workspace.announced("grandchild");
    process.kill(keeperPid, "SIGSTOP");
    const next = await waitInLine(workspace, ["--id", "next", "true"], { env });
    const nextClaim = join(workspace.state, "claims/session.2");
    await until(() => existsSync(nextClaim), { withinMs: 60_000, what: "the next in line has had the lock" });
    expect(isAlive(pid)).toBe(true);
    process.kill(keeperPid, "SIGCONT");
    await until(() => !isAlive(keeperPid));
    expect([pid, child].map((each) => isAlive(each))).toEqual([false, false]);
    expect(workspace.events("lock_lost")).toMatchObject([{ session: "demo", uid }]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lock_lost" });
    expect((await next.ended).exitCode).toBe(0);
    await expectFree(workspace, { env });
  });

  it("does not begin its command, if that was before it had (R3.1)", { timeout: 90_000 }, async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: "lease" };
    const stops = { SIGNALLED: "holdfast.js", AT: "claimed", SIGNAL: "SIGSTOP" };
    const options = { env: { ...env, ...stops, NODE_OPTIONS: `--require ${join(preloads, "signals-itself.cjs")}` } };
    const late = workspace.spawnHoldfast(["run", "--id", "late", "--", "touch", "ran"], options);
    await until(() => workspace.events("claimed").length === 1);
    letLeasesAge(workspace);
    expect((await workspace.holdfast(["run", "-w", "60", "true"], { env })).exitCode).toBe(0);
    process.kill(late.pid, "SIGCONT");
    const { exitCode, stderr } = await late.ended;
    expect({ exitCode, stderr }).toEqual({
      exitCode: 79,
      stderr: expect.stringContaining("The lock was lost before the command was started"),
    });
    expect(existsSync(join(workspace.root, "ran"))).toBe(false);
    const [{ uid } = { uid: "" }] = workspace.events("claimed");
    expect(workspace.events("ended").filter((event) => event["uid"] === uid)).toHaveLength(1);
    await expectFree(workspace, { env });
  });

  it.each([
    ["as it comes", {}],
    ["before all else", { NODE_OPTIONS: `--require ${lateTimers}` }],
  ])(
    "writes no end of a session that was closed meanwhile, though its agent has ended, which it hears %s (R2.1)",
    async (_, options) => {
      const workspace = openWorkspace();
      const env = { HOLDFAST_PULSE: "lease" };
      const { uid, pid, keeperPid } = await startSession(workspace, agent("sleeper.sh"), {
        env: { ...env, ...options },
      });
      process.kill(keeperPid, "SIGSTOP");
      process.kill(pid, "SIGKILL");
      // As if it had stood still for that long.
      const claims = join(workspace.state, "claims");
      for (const name of readdirSync(claims)) if (name.startsWith(".lease-")) setAge(join(claims, name), 60_000);
      expect((await workspace.holdfast(["run", "-w", "60", "true"], { env })).exitCode).toBe(0);
      expect(endOf(workspace, uid)).toMatchObject({ reason: "lost" });
      process.kill(keeperPid, "SIGCONT");
      await until(() => !isAlive(keeperPid));
      expect(endOf(workspace, uid)).toMatchObject({ reason: "lost" });
      expect(workspace.events("lock_lost")).toMatchObject([{ uid }]);
      await expectFree(workspace, { env });
    },
  );

  it("says that the lock was lost though the command has ended meanwhile: another may have run beside it (R3.1)", async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: "lease" };
    const command = ["run", "--id", "demo", "--", ...agent("exits-when-told.sh", "go")];
    const run = workspace.spawnHoldfast(command, { env: { ...env, NODE_OPTIONS: `--require ${lateTimers}` } });
    const pid = await workspace.announced("agent");
    process.kill(run.pid, "SIGSTOP");
    await workspace.spawn(["sh", "-c", "echo >go"]).ended;
    await until(() => !isAlive(pid));
    letLeasesAge(workspace);
    expect((await workspace.holdfast(["run", "-w", "60", "true"], { env })).exitCode).toBe(0);
    process.kill(run.pid, "SIGCONT");
    expect(await run.ended).toMatchObject({
      exitCode: 79,
      stderr: expect.stringContaining("The lock was lost while the command ran\n"),
    });
    expect(workspace.events("ended").filter(({ session }) => session === "demo")).toMatchObject([{ reason: "lost" }]);
    await expectFree(workspace, { env });
  });

  it("tells of an end that it has seen, though it cannot look whether it has the lock (R2.4)", async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: "lease" };
    const blind = {
      NODE_OPTIONS: `--require ${cannotLook}`,
      BLIND: join(workspace.root, "blind"),
      BLIND_IN: "keeper.js",
    };
    const { uid, pid } = await startSession(workspace, agent("sleeper.sh"), { env: { ...env, ...blind } });
    workspace.write("blind", join(workspace.state, "claims"));
    process.kill(pid, "SIGKILL");
    await until(() => workspace.keepers().length === 0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "signalled", signal: "SIGKILL" });
    await expectFree(workspace, { env });
  });
});
