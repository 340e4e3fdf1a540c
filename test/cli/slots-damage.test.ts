import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { hasKernelPulse, pulsesHere, whyNoNativePart } from "../support/pulses-here.ts";
import { endOf, expectFree, removeState, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const sleeper = agent("sleeper.sh");

const start = (workspace: Workspace, id: string, env = {}) =>
  startSession(workspace, sleeper, { id, options: ["--slots", "2"], env });

/** Two slots that were held and given back. */
async function openUsed(): Promise<Workspace> {
  const workspace = openWorkspace();
  for (const id of ["first", "second"]) await start(workspace, id);
  expect((await workspace.holdfast(["cleanup"])).exitCode).toBe(0);
  return workspace;
}

describe("a claim of a slot that cannot be read", () => {
  it("hides and hinders nothing of the first, if it is the second's: that is shown, taken, given back, and waited for", async () => {
    const workspace = await openUsed();
    const { uid } = await start(workspace, "third");
    const path = workspace.write(".holdfast/claims/session~2.50", "garbage\n");
    const shown = await workspace.holdfast(["status", "--json"]);
    expect(shown.exitCode).toBe(65);
    expect(shown.json()).toMatchObject({ ok: true, session: { uid }, problems: [expect.stringContaining(path)] });
    expect((await workspace.holdfast(["status", "--check"])).exitCode).toBe(1);
    expect((await workspace.holdfast(["list", "--json"])).json().sessions).toContainEqual(
      expect.objectContaining({ uid, state: "active" }),
    );
    const next = await waitInLine(workspace, ["--slots", "2", "--", "true"]);
    expect((await workspace.holdfast(["stop", "third"])).exitCode).toBe(0);
    expect((await next.ended).exitCode).toBe(0);
    // A lease on it cannot be told, nor whether its holder goes by another number of slots: nobody else is there who says.
    const alone = await workspace.holdfast(["run", "--slots", "2", "--", "true"]);
    expect(alone.exitCode).toBe(hasKernelPulse ? 0 : 65);
  });

  it("keeps nobody in line behind what a dead agent left: the next one ends that (R4.3)", async (test) => {
    // With a lease it may be held as well, and who is dead does not say that there are two.
    if (!hasKernelPulse) return test.skip(whyNoNativePart);
    const workspace = await openUsed();
    const lost = await startSession(workspace, agent("family.sh"), { id: "lost", options: ["--slots", "2"] });
    const child = await workspace.announced("grandchild");
    workspace.write(".holdfast/claims/session~2.50", "garbage\n");
    for (const pid of [lost.keeperPid, lost.pid]) process.kill(pid, "SIGKILL");
    const next = await workspace.holdfast(["run", "--slots", "2", "--wait", "60s", "--", "true"]);
    expect(next.exitCode).toBe(0);
    expect(isAlive(child)).toBe(false);
  });

  it("refuses in plain words where the second slot is needed, until it is repaired", async () => {
    const workspace = await openUsed();
    await start(workspace, "third");
    workspace.write(".holdfast/claims/session~2.50", "garbage\n");
    for (const words of [
      ["run", "-n", "--slots", "2", "--", "touch", "ran"],
      // Whoever goes by one slot must know that nobody has another.
      ["run", "touch", "ran"],
    ]) {
      const [verb = "", ...rest] = words;
      const refused = await workspace.holdfast([verb, "--json", ...rest]);
      expect(refused.exitCode).toBe(65);
      expect(refused.json().error).toMatchObject({ code: "DATA", next: ["holdfast cleanup --damaged"] });
      expect(refused.json().error.message).toContain("session~2.50");
    }
    expect(existsSync(join(workspace.root, "ran"))).toBe(false);
    const cleaned = await workspace.holdfast(["cleanup", "--damaged", "--json"]);
    expect(cleaned.exitCode).toBe(0);
    expect(cleaned.json().actions).toMatchObject([{ what: "lock", name: "session", result: "removed" }]);
    expect((await start(workspace, "fourth")).token).toBeGreaterThan(50);
    await workspace.holdfast(["cleanup"]);
    await expectFree(workspace);
    expect((await workspace.holdfast(["run", "--", "true"])).exitCode).toBe(0);
  });

  it("lets nobody have the first, while it may be that of a holder who goes by one slot (R3.1)", async () => {
    const workspace = openWorkspace();
    const { token, pid } = await startSession(workspace, sleeper, { id: "only" });
    const path = join(workspace.state, `claims/session.${token}`);
    // In place, as an editor or a full disk would: it stays locked.
    writeFileSync(path, "garbage\n");
    const run = ["run", "-n", "--slots", "2", "--json", "--", "touch", "ran"];
    const refused = await workspace.holdfast(run);
    expect(refused.json().error).toMatchObject({ code: "DATA", message: expect.stringContaining(path) });
    expect((await workspace.holdfast(["cleanup", "--damaged", "--json"])).json().actions).toMatchObject([
      // With a lease it cannot be told that it is held, but its agent is seen.
      { result: "failed", detail: expect.stringContaining(hasKernelPulse ? path : `PID ${pid} runs`) },
    ]);
    expect([existsSync(join(workspace.root, "ran")), isAlive(pid)]).toEqual([false, true]);
  });

  it.each([
    { what: "with leases, which nobody can tell then", text: "garbage\n", env: { HOLDFAST_PULSE: "lease" } },
    { what: "of a newer holdfast, which may hold it", text: '{"schema_version":99}\n', env: {} },
  ])("lets nobody have a slot who finds nobody there to ask: $what", async ({ text, env }) => {
    const workspace = openWorkspace();
    workspace.write(".holdfast/claims/session~2.50", text);
    const run = (...options: string[]) => workspace.holdfast(["run", ...options, "--json", "touch", "ran"], { env });
    for (const options of [
      ["--slots", "2"],
      ["-n", "--slots", "2"],
    ]) {
      const refused = await run(...options);
      expect(refused.exitCode).toBe(65);
      expect(refused.json().error).toMatchObject({ code: "DATA", message: expect.stringContaining("session~2.50") });
    }
    expect(existsSync(join(workspace.root, "ran"))).toBe(false);
    rmSync(join(workspace.state, "claims/session~2.50"));
    expect((await run("--slots", "2")).exitCode).toBe(0);
  });

  it("is no matter when it is the one that is held while a slot is taken", async () => {
    const workspace = await openUsed();
    workspace.write(".holdfast/claims/session~0.50", "garbage\n");
    expect((await workspace.holdfast(["status"])).exitCode).toBe(0);
    expect((await workspace.holdfast(["run", "--slots", "2", "--", "true"])).exitCode).toBe(0);
  });
});

it("session~2.lock of a holder that was killed goes, or names the next holder's claim (R0.2)", async () => {
  const workspace = openWorkspace();
  const link = join(workspace.state, "session~2.lock");
  const first = await start(workspace, "first");
  for (const id of ["second", "third"]) {
    const { token, uid, pid, keeperPid } = await start(workspace, id);
    expect(statSync(link).ino).toBe(statSync(join(workspace.state, `claims/session~2.${token}`)).ino);
    for (const each of [keeperPid, pid]) process.kill(each, "SIGKILL");
    await until(() => !isAlive(keeperPid) && !isAlive(pid));
    // Whoever looks closes it; or, the first time, whoever comes next.
    if (id === "third") await statusOf(workspace);
    else expect((await workspace.holdfast(["run", "--slots", "2", "--", "true"])).exitCode).toBe(0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lost" });
    expect(existsSync(link)).toBe(false);
  }
  expect(isAlive(first.pid)).toBe(true);
});

describe.each(pulsesHere)("the state directory is removed under the holders of both slots (%s pulse)", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  it.each(["first", "second"])("and each restores its claim under its own token, the %s last (R3.1)", async (last) => {
    const workspace = openWorkspace();
    const held = [await start(workspace, "first", env), await start(workspace, "second", env)];
    const keeperPid = held[last === "first" ? 0 : 1]?.keeperPid ?? 0;
    process.kill(keeperPid, "SIGSTOP");
    removeState(workspace);
    await until(() => workspace.events("lock_restored").length === 1);
    process.kill(keeperPid, "SIGCONT");
    await until(() => workspace.events("lock_restored").length === 2);
    const sessions = held.map(({ uid, token }, index) => ({ uid, token, slot: index + 1, state: "active" }));
    expect((await statusOf(workspace, { env })).sessions).toMatchObject(sessions);
    const links = readdirSync(workspace.state).filter((name) => name.endsWith(".lock"));
    expect(links).toEqual(["session.lock", "session~2.lock"]);
    const refused = await workspace.holdfast(["run", "-n", "--slots", "2", "--json", "--", "true"], { env });
    expect(refused.json().error).toMatchObject({ code: "BUSY", holders: [{ id: "first" }, { id: "second" }] });
    expect(workspace.events("lock_lost")).toEqual([]);
    await workspace.holdfast(["cleanup"], { env });
    expect((await start(workspace, "third", env)).token).toBeGreaterThan(2);
  });

  it("and one whose slot was taken meanwhile ends its agent: never more than two for long (R3.1)", async () => {
    const workspace = openWorkspace();
    const first = await start(workspace, "first", env);
    const second = await start(workspace, "second", env);
    for (const { keeperPid } of [first, second]) process.kill(keeperPid, "SIGSTOP");
    removeState(workspace);
    const third = await start(workspace, "third", env);
    for (const { keeperPid } of [first, second]) process.kill(keeperPid, "SIGCONT");
    await until(() => !isAlive(first.keeperPid));
    await until(() => workspace.events("lock_restored").length === 1);
    expect([first, second, third].map(({ pid }) => isAlive(pid))).toEqual([false, true, true]);
    expect(workspace.events("lock_lost")).toMatchObject([{ session: "first" }]);
    expect(endOf(workspace, first.uid)).toMatchObject({ reason: "lock_lost" });
    expect((await statusOf(workspace, { env })).sessions).toMatchObject([{ id: "third" }, { id: "second" }]);
  });
});
