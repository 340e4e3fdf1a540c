import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("stop of a session that is already ending", () => {
  it.each([
    ["--kill-after", "0"],
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
      processes: [{ pid, how: "SIGKILL" }, { how: "SIGKILL" }],
    });
    await expectFree(workspace);
  });
});
