import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, statusOf, survivorsOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const example = join(import.meta.dirname, "../../examples/agent");
/** Any free port. */
const env = { PORT: "0" };

/** A project made of the example agent. */
function openExample(): Workspace {
  const workspace = openWorkspace();
  cpSync(example, workspace.root, { recursive: true });
  return workspace;
}

/** Where the agent says it listens. */
function address(said: () => string): Promise<string> {
  return until(() => /listening on (\S+)/.exec(said())?.[1], { what: "the agent listens" });
}

describe("the example agent", () => {
  it("runs under a session with its backtests, which are counted, and all of it ends with stop (R1.1, R3.5)", async () => {
    const workspace = openExample();
    const started = await workspace.holdfast(["start", "demo", "--json"], { env });
    expect(started.json().session).toMatchObject({ command: ["node", "server.mjs"], cwd: workspace.root });
    const { pid, uid } = started.json().session;
    const url = await address(() => workspace.agentOutput(uid));
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ ok: true, pid });
    const backtests: number[] = [];
    for (let count = 0; count < 2; count += 1) {
      const answer = await fetch(`${url}/backtests`, { method: "POST", body: '{"seconds": 300}' });
      backtests.push(((await answer.json()) as { pid: number }).pid);
    }
    const status = await statusOf(workspace);
    expect(status.operations).toEqual([{ kind: "backtest", count: 2, pids: backtests }]);
    expect(status.session.processes.map((entry: { pid: number }) => entry.pid)).toEqual([pid, ...backtests]);
    expect(status.outside).toEqual([]);

    const { end } = (await workspace.holdfast(["stop", "--json"])).json();
    expect(survivorsOf([pid, ...backtests])).toEqual([]);
    // It ends its backtests itself, and then with 0.
    expect(end).toMatchObject({ reason: "stopped", exit_code: 0, signal: null });
    expect(new Set(end.processes.map((each: { pid: number }) => each.pid))).toEqual(new Set([pid, ...backtests]));
    await expect(fetch(`${url}/health`)).rejects.toThrow("fetch failed");
    expect(workspace.agentOutput(uid)).toContain("SIGTERM: stopping, 2 backtests to end");
    await expectFree(workspace);
  });

  it("is found when somebody started it by hand, refused to be doubled, and cleaned away (R3.2, R3.6)", async () => {
    const workspace = openExample();
    const byHand = workspace.spawn(["node", "server.mjs"], { env });
    await address(() => byHand.stdout());
    const refused = await workspace.holdfast(["start", "demo", "--json"], { env });
    expect(refused.exitCode).toBe(75);
    expect(refused.json().error).toMatchObject({ code: "AGENTS_RUNNING", processes: [{ pid: byHand.pid }] });
    expect((await statusOf(workspace)).outside).toMatchObject([{ pid: byHand.pid, recorded: false }]);
    expect((await workspace.holdfast(["cleanup"])).exitCode).toBe(0);
    expect(await byHand.ended).toMatchObject({ exitCode: 0 });
    expect((await workspace.holdfast(["start", "demo"], { env })).exitCode).toBe(0);
  });

  it("leaves no backtest behind when its keeper and it are killed (R2.3)", async () => {
    const workspace = openExample();
    const { session } = (await workspace.holdfast(["start", "demo", "--json"], { env })).json();
    const url = await address(() => workspace.agentOutput(session.uid));
    const answer = await fetch(`${url}/backtests`, { method: "POST", body: '{"seconds": 300}' });
    const backtest = ((await answer.json()) as { pid: number }).pid;
    for (const { pid } of [...workspace.keepers(), { pid: session.pid as number }]) process.kill(pid, "SIGKILL");
    await until(() => !isAlive(session.pid));
    expect((await workspace.holdfast(["start", "again", "--json"], { env })).json().error).toMatchObject({
      code: "AGENTS_RUNNING",
      processes: [{ pid: backtest }],
    });
    await workspace.holdfast(["cleanup"]);
    expect(isAlive(backtest)).toBe(false);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "lost" });
    await expectFree(workspace);
  });
});
