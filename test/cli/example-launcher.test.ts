import { cpSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import type { Json, Outcome } from "../support/program.ts";
import { endOf, expectFree, statusOf, untilItWaits } from "../support/sessions.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const examples = join(import.meta.dirname, "../../examples");
const pidFile = "background_agent.pid";
/** Any free port. */
const env = { PORT: "0" };

/** The example as it is, and the agent beside it. */
function openExample(): Workspace {
  const workspace = openWorkspace();
  for (const name of ["manage_background_agent.sh", "holdfast.json"]) {
    cpSync(join(examples, "launcher", name), join(workspace.root, name));
  }
  cpSync(join(examples, "agent"), join(workspace.root, "../agent"), { recursive: true });
  return workspace;
}

/** Runs the script by hand. */
function manage(workspace: Workspace, verb: string): Promise<Outcome> {
  return workspace.spawn(["./manage_background_agent.sh", verb], { env, input: "" }).ended;
}

async function start(workspace: Workspace): Promise<Json> {
  const started = await workspace.holdfast(["start", "demo", "--json"], { env });
  expect(started).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"ok":true') });
  return started.json().session;
}

const portOf = (workspace: Workspace) =>
  Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(workspace.read("background_agent.log"))?.[1]);

describe("the example of a script that manages an agent in the background", () => {
  it("goes on working under holdfast: its PID file, its log, its stop (R3.1, R3.4, R3.8)", async () => {
    const workspace = openExample();
    const { uid, pid } = await start(workspace);
    expect(workspace.read(pidFile)).toBe(`${pid}\n`);
    expect(workspace.agentOutput(uid)).toBe(`started (PID ${pid})\n`);
    expect(await manage(workspace, "status")).toMatchObject({ exitCode: 0, stdout: `running (PID ${pid})\n` });
    expect((await manage(workspace, "logs")).stdout).toContain("listening on");
    const backtest = await fetch(`http://127.0.0.1:${portOf(workspace)}/backtests`, { method: "POST" });
    expect(backtest.status).toBe(202);
    const status = await statusOf(workspace);
    expect(status.session.processes).toMatchObject([{ pid, recorded: true }, { recorded: false }]);
    expect(status).toMatchObject({ operations: [{ kind: "backtest", count: 1 }], pid_file: { pid, state: "alive" } });
    const refused = await workspace.holdfast(["start", "other", "--json"], { env });
    expect(refused.json().error).toMatchObject({ code: "BUSY", message: "Session already active: demo" });
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end.processes).toContainEqual(expect.objectContaining({ pid, how: "stop_command" }));
    expect(workspace.agentOutput(uid)).toContain(`stopped (PID ${pid})\n`);
    expect(await manage(workspace, "status")).toMatchObject({ exitCode: 3, stdout: "not running\n" });
    expect(existsSync(join(workspace.root, pidFile))).toBe(false);
    await expectFree(workspace);
  });

  it("goes on working without: holdfast sees the agent, and starts no second one (R3.2, R3.8)", async () => {
    const workspace = openExample();
    expect((await manage(workspace, "start")).stdout).toMatch(/^started \(PID \d+\)\n$/);
    const pid = Number(workspace.read(pidFile));
    const refused = await workspace.holdfast(["start", "demo"], { env });
    expect(refused.exitCode).toBe(75);
    expect(refused.stderr).toContain("1 agent process already running, outside any session");
    expect(refused.stderr).toMatch(/end all that +holdfast cleanup/);
    expect(await statusOf(workspace)).toMatchObject({
      session: null,
      outside: [{ pid }],
      pid_file: { pid, state: "alive" },
    });
    expect(isAlive(pid)).toBe(true);
    expect((await manage(workspace, "stop")).stdout).toBe(`stopped (PID ${pid})\n`);
    await start(workspace);
    await workspace.holdfast(["stop"]);
    await expectFree(workspace);
  });

  it("may be used by hand beside holdfast: its stop ends the session (R2.1)", async () => {
    const workspace = openExample();
    const { uid, pid } = await start(workspace);
    const waiting = workspace.spawnHoldfast(["wait", "demo"], { input: "" });
    await untilItWaits(waiting);
    expect((await manage(workspace, "start")).stdout).toBe(`already running (PID ${pid})\n`);
    expect((await manage(workspace, "stop")).stdout).toBe(`stopped (PID ${pid})\n`);
    expect((await waiting.ended).exitCode).toBe(0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "exited" });
    await expectFree(workspace);
  });

  it("tells what is wrong when the agent does not start (R3.1)", async () => {
    const workspace = openExample();
    workspace.write(pidFile, "999999999\n");
    const failed = await workspace.holdfast(["start", "demo", "--json"], { env: { PORT: "99999" } });
    expect(failed.exitCode).toBe(1);
    const { error } = failed.json();
    expect(error.message).toMatch(/^The launcher failed \(exit code 1\)\n/);
    expect(error.output).toMatch(/^failed to start:\n/);
    await expectFree(workspace);
    await start(workspace);
    expect(await manage(workspace, "status")).toMatchObject({ exitCode: 0 });
  });

  it("can be run as it is", () => {
    expect(statSync(join(examples, "launcher/manage_background_agent.sh")).mode & 0o111).toBe(0o111);
  });
});
