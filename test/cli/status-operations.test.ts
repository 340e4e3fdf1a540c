import { describe, expect, it } from "vitest";
import type { Json } from "../support/program.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("operations (R3.5)", () => {
  it("names which PID counts as which: all of the session's, wherever they have gone, and nobody else's", async () => {
    const workspace = openWorkspace();
    workspace.configure({
      operations: {
        backtest: "^sleep 27[12]$",
        nightly: "^sleep 272$",
        daemon: "^sleep 300$",
        validation: "validate",
      },
    });
    const stranger = workspace.spawn(["sleep", "271"]);
    const children = `sleep 271 & sleep 272 & exec ${agent("daemon.mjs").join(" ")}`;
    await startSession(workspace, ["sh", "-c", children]);
    const daemon = await workspace.announced("daemon");
    const { session, operations } = await until(async () => {
      const status = await statusOf(workspace);
      const all = status.operations.map(({ count }: Json) => count);
      return all[0] === 2 && all[1] === 1 && all[2] === 1 && status;
    });
    const pidsOf = (command: RegExp) =>
      session.processes.filter((process: Json) => command.test(process.command)).map(({ pid }: Json) => pid);
    expect(operations).toEqual([
      { kind: "backtest", count: 2, pids: pidsOf(/^sleep 27[12]$/) },
      // One process may count as several kinds.
      { kind: "nightly", count: 1, pids: pidsOf(/^sleep 272$/) },
      // Gone from its parents, its group and the terminal.
      { kind: "daemon", count: 1, pids: [daemon] },
      { kind: "validation", count: 0, pids: [] },
    ]);
    expect(operations[0].pids).not.toContain(stranger.pid);
    // Counted from outside, too: these run under these PIDs.
    for (const pid of operations[0].pids) {
      expect(workspace.agents().find((process) => process.pid === pid)?.command).toMatch(/^sleep 27[12]$/);
    }
    stranger.signal("SIGKILL");
    await stranger.ended;
  });
});
