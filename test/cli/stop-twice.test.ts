import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

describe("stop of a session that is already ending", () => {
  it.each([
    ["--kill-after", "0"],
    ["--kill-after", "200ms"],
    ["--signal", "KILL"],
  ])("leaves it no more time with %s %s: one end, as it was first asked for (R1.1, R3.4)", async (...words) => {
    const workspace = openWorkspace();
    const { uid, pid } = await startSession(workspace, agent("ignores-term.sh"));
    const patient = workspace.spawnHoldfast(["stop", "--kill-after", "10m", "--reason", "first", "--json"]);
    await until(async () => (await statusOf(workspace)).session.state === "ending", { what: "it is ending" });
    expect(isAlive(pid)).toBe(true);
    expect((await workspace.holdfast(["stop", ...words])).exitCode).toBe(0);
    expect(isAlive(pid)).toBe(false);
    expect((await patient.ended).json()).toMatchObject({ ok: true, end: { stop_reason: "first" } });
    expect(endOf(workspace, uid)).toMatchObject({
      reason: "stopped",
      processes: expect.arrayContaining([expect.objectContaining({ pid, how: "SIGKILL" })]),
    });
    await expectFree(workspace);
  });

  it.each([
    ["--kill-after", "0"],
    ["--kill-after", "200ms"],
    ["--signal", "KILL"],
  ])("leaves no more time with %s %s to what an agent left that has ended by itself (R1.1, R3.4)", async (...words) => {
    const workspace = openWorkspace();
    const { uid, left } = await endLeaving(workspace, []);
    await until(async () => (await statusOf(workspace)).session.state === "ending", { what: "it is ending" });
    expect(isAlive(left)).toBe(true);
    expect((await workspace.holdfast(["stop", ...words])).exitCode).toBe(0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "exited", exit_code: 0 });
    await expectFree(workspace);
  });

  it("nor to what one left that is to be started again", async () => {
    const workspace = openWorkspace();
    const { uid, left } = await endLeaving(workspace, ["--restart", "always"]);
    expect(isAlive(left)).toBe(true);
    expect((await workspace.holdfast(["stop", "--signal", "KILL"])).exitCode).toBe(0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped" });
    expect(workspace.events("restarted")).toEqual([]);
    await expectFree(workspace);
  });
});

/** A session with much patience, whose agent ends and leaves a process that ignores what asks it to end. */
async function endLeaving(workspace: Workspace, options: readonly string[]) {
  const script = 'mkfifo fifo; "$@" & read -r _ <fifo';
  const { pid, uid } = await startSession(workspace, ["sh", "-c", script, "sh", ...agent("ignores-term.sh")], {
    options: ["--kill-after", "10m", ...options],
  });
  const left = await workspace.announced("agent");
  await tell(join(workspace.root, "fifo"), "");
  await until(() => !isAlive(pid), { what: "its agent has ended" });
  return { uid, left };
}
