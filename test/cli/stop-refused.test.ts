import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("stop", () => {
  it("refuses another session's id, in these words (R3.4)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace);
    const refused = await workspace.holdfast(["stop", "other", "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error).toMatchObject({
      code: "SESSION_MISMATCH",
      message: "Session does not match: expected other, found demo",
      expected: "other",
      found: "demo",
      retryable: false,
    });
    expect(isAlive(pid)).toBe(true);
    expect((await workspace.holdfast(["stop", "other"])).stderr).toContain(
      "Session does not match: expected other, found demo",
    );
    expect(workspace.events("stop_requested")).toEqual([]);
  });

  it("says that no session is active, with or without an id, before there ever was one and after (R3.4)", async () => {
    const workspace = openWorkspace();
    expect(await workspace.holdfast(["stop"])).toMatchObject({ exitCode: 66 });
    expect(workspace.read(".holdfast/.gitignore")).toBe("");
    await startSession(workspace);
    expect(await workspace.holdfast(["stop", "demo"])).toMatchObject({ exitCode: 0 });
    for (const args of [["stop"], ["stop", "demo"]]) {
      const refused = await workspace.holdfast([...args, "--json"]);
      expect(refused.exitCode).toBe(66);
      expect(refused.json().error).toMatchObject({ code: "NO_SESSION", retryable: false });
    }
    await expectFree(workspace);
  });

  it("refuses another owner's session; --force needs the id (NOT_PERMITTED 77)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, agent("sleeper.sh"), { env: { HOLDFAST_OWNER: "ci" } });
    const refusals = [
      await workspace.holdfast(["stop", "--json"]),
      await workspace.holdfast(["stop", "demo", "--json"], { env: { HOLDFAST_OWNER: "dev" } }),
      await workspace.holdfast(["stop", "--force", "--json"]),
    ];
    for (const refused of refusals) {
      expect(refused.exitCode).toBe(77);
      expect(refused.json().error).toMatchObject({
        code: "NOT_PERMITTED",
        message: "demo belongs to ci",
        next: ["holdfast stop demo --force"],
      });
    }
    expect(isAlive(pid)).toBe(true);
    expect((await workspace.holdfast(["stop", "demo", "--force"])).exitCode).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  it("refuses another owner's place in line, and says whose it is; --force takes it out", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    await workspace.holdfast(["start", "next", "--queue", "--owner", "ci", "--", ...agent("sleeper.sh")]);
    const refused = await workspace.holdfast(["stop", "next", "--json"], { env: { HOLDFAST_OWNER: "dev" } });
    expect(refused.exitCode).toBe(77);
    expect(refused.json().error).toMatchObject({ message: "next belongs to ci", owner: "ci", session: "next" });
    expect((await statusOf(workspace)).queue).toMatchObject([{ id: "next", owner: "ci" }]);
    expect((await workspace.holdfast(["stop", "next", "--force"])).exitCode).toBe(0);
    expect((await statusOf(workspace)).queue).toEqual([]);
  });

  it.each([
    ["holds the lock", "sleeper.sh", "agent"],
    ["does not hold it any more", "daemon.mjs", "daemon"],
  ])("refuses another owner's orphan that %s, too (R2.3)", async (_, fixture, word) => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent(fixture), { options: ["--owner", "ci"] });
    const survivor = await workspace.announced(word);
    await workspace.announced("agent");
    const killed = [lost.keeperPid, lost.pid].filter((pid) => pid !== survivor);
    for (const pid of killed) process.kill(pid, "SIGKILL");
    await until(() => !killed.some((pid) => isAlive(pid)));
    for (const args of [["stop"], ["stop", "demo"], ["stop", "--force"]]) {
      const refused = await workspace.holdfast([...args, "--json"]);
      expect(refused.exitCode).toBe(77);
      expect(refused.json().error).toMatchObject({ message: "demo belongs to ci", owner: "ci" });
    }
    expect(isAlive(survivor)).toBe(true);
    expect((await workspace.holdfast(["stop", "demo"], { env: { HOLDFAST_OWNER: "ci" } })).exitCode).toBe(0);
    expect(isAlive(survivor)).toBe(false);
  });

  // Where nothing of it held the lock any more, anybody could stop it, and the log did not say who had.
  it.each(pulsesHere)(
    "treats a session whose keeper is dead no differently, and logs who asked (%s pulse; R3.4, R4.7)",
    async (pulse) => {
      const workspace = openWorkspace();
      workspace.configure({ pulse });
      const { pid, uid, keeperPid } = await startSession(workspace, agent("sleeper.sh"), {
        env: { HOLDFAST_OWNER: "ci" },
      });
      process.kill(keeperPid, "SIGKILL");
      await until(() => !isAlive(keeperPid));
      const refused = await workspace.holdfast(["stop", "demo", "--json"]);
      expect(refused.json().error).toMatchObject({ code: "NOT_PERMITTED", message: "demo belongs to ci" });
      expect(isAlive(pid)).toBe(true);
      const stopped = await workspace.holdfast(["stop", "--reason", "enough"], { env: { HOLDFAST_OWNER: "ci" } });
      expect(stopped.exitCode).toBe(0);
      expect(isAlive(pid)).toBe(false);
      expect(workspace.events("stop_requested")).toMatchObject([{ uid, session: "demo", reason: "enough" }]);
    },
  );

  it("lets the owner stop without a word", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { options: ["--owner", "ci"] });
    expect((await workspace.holdfast(["stop"], { env: { HOLDFAST_OWNER: "ci" } })).exitCode).toBe(0);
    await expectFree(workspace);
  });
});
