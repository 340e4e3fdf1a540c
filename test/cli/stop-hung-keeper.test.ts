import { describe, expect, it } from "vitest";
import { endOf, expectFree, startSession, survivorsOf } from "../support/sessions.ts";
import { openWorkspace } from "../support/workspace.ts";

/** Alone in its file: it takes the 15 seconds that a keeper is given, and other files are tested meanwhile. */
describe("stop of a session whose keeper hangs", () => {
  it("ends it in the keeper's place, after a while, exactly once (R1.1, R3.4)", { timeout: 60_000 }, async () => {
    const workspace = openWorkspace();
    const { pid, keeperPid, uid } = await startSession(workspace);
    process.kill(keeperPid, "SIGSTOP");
    const stopped = await workspace.holdfast(["stop", "--kill-after", "100ms", "--json"]);
    expect(stopped.exitCode).toBe(0);
    expect(survivorsOf([pid, keeperPid])).toEqual([]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lost", processes: [{ pid, how: "SIGTERM" }] });
    expect(workspace.events("process_ended")).toMatchObject([
      { pid: keeperPid, how: "SIGKILL", why: "it did not react to stop" },
      { pid, how: "SIGTERM", why: "stop" },
    ]);
    await expectFree(workspace);
  });
});
