import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const sleeper = agent("sleeper.sh");

const start = (workspace: Workspace, id: string, env = {}) =>
  startSession(workspace, sleeper, { id, options: ["--slots", "2"], env });

describe("a damaged claim of another slot", () => {
  it("is named and refused by everything but cleanup, which ends what runs and takes the next number", async () => {
    const workspace = openWorkspace();
    const first = await start(workspace, "first");
    const second = await start(workspace, "second");
    await workspace.holdfast(["stop", "second"]);
    const damaged = workspace.write(".holdfast/claims/session~2.5", "garbage\n");
    for (const words of [
      ["status"],
      ["run", "--slots", "2", "--", "touch", "ran"],
      ["run", "--", "touch", "ran"],
      ["stop", "first"],
    ]) {
      const refused = await workspace.holdfast([words[0] ?? "", "--json", ...words.slice(1)]);
      expect(refused.exitCode).toBe(65);
      expect(refused.json().error).toMatchObject({ code: "DATA", path: damaged, next: ["holdfast cleanup"] });
    }
    expect(existsSync(join(workspace.root, "ran"))).toBe(false);
    expect(isAlive(first.pid)).toBe(true);

    const cleaned = await workspace.holdfast(["cleanup", "--json"]);
    expect(cleaned).toMatchObject({ exitCode: 0 });
    expect(cleaned.json().actions).toMatchObject([
      { what: "lock", result: "removed" },
      { what: "session", name: "first", result: "ended" },
    ]);
    await expectFree(workspace);
    expect((await start(workspace, "third")).token).toBeGreaterThan(5);
    expect(second.token).toBe(2);
  });

  it("does not keep those who say one slot from the lock once cleanup has been there", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--", "true"]);
    workspace.write(".holdfast/claims/session~2.5", "garbage\n");
    expect((await workspace.holdfast(["run", "--", "true"])).exitCode).toBe(65);
    expect((await workspace.holdfast(["cleanup"])).exitCode).toBe(0);
    expect((await workspace.holdfast(["run", "--", "true"])).exitCode).toBe(0);
  });
});

describe("the link of the second slot", () => {
  it("goes with the session that its killed holder left, or names the next one (R2.3)", async () => {
    const workspace = openWorkspace();
    await start(workspace, "first");
    const second = await start(workspace, "second");
    const link = join(workspace.state, "session~2.lock");
    for (const pid of [second.keeperPid, second.pid]) process.kill(pid, "SIGKILL");
    await until(() => !isAlive(second.keeperPid) && !isAlive(second.pid));
    expect(existsSync(link)).toBe(true);
    expect(await statusOf(workspace)).toMatchObject({ session: { id: "first" } });
    expect(endOf(workspace, second.uid)).toMatchObject({ reason: "lost" });
    expect(existsSync(link)).toBe(false);
    const third = await start(workspace, "third");
    expect(workspace.read(".holdfast/session~2.lock")).toContain(third.uid);
  });
});

describe.each(["kernel", "lease"])("a state directory removed under two holders (%s pulse)", (pulse) => {
  it("is made again by both: each keeps its slot and its number, and nobody else gets in", async () => {
    const env = { HOLDFAST_PULSE: pulse };
    const workspace = openWorkspace();
    const first = await start(workspace, "first", env);
    const second = await start(workspace, "second", env);
    rmSync(workspace.state, { recursive: true });
    const claims = join(workspace.state, "claims");
    const restored = () => readdirSync(claims).filter((name) => name.startsWith("session"));
    await until(() => existsSync(claims) && restored().length === 2, { what: "both claims are there again" });
    expect(restored().toSorted()).toEqual(["session.1", "session~2.2"]);
    expect((await statusOf(workspace, { env })).sessions).toMatchObject([
      { id: "first", slot: 1, token: 1 },
      { id: "second", slot: 2, token: 2 },
    ]);
    const refused = await workspace.holdfast(["run", "-n", "--slots", "2", "--", "true"], { env });
    expect(refused.exitCode).toBe(75);
    expect([first.pid, second.pid].map((pid) => isAlive(pid))).toEqual([true, true]);
  });
});
