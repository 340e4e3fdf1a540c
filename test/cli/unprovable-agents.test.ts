import { describe, expect, it } from "vitest";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const env = { HOLDFAST_PULSE: "lease" };

/** An agent that shows nothing of its session: no environment, no output, and with a lease there is no descriptor. */
const bare = ["sh", "-c", 'exec env -i "$(command -v sleep)" 300 >/dev/null 2>&1 </dev/null'];

async function startBare(workspace: Workspace, options: readonly string[] = []) {
  const session = await startSession(workspace, bare, { env, options: ["--kill-after", "0", ...options] });
  await until(() => lookAt(session.pid)?.command.endsWith("sleep 300"));
  return session;
}

describe("an agent that shows nothing of its session", () => {
  it("is shown, and ended by stop, like any other while its keeper lives: it is the keeper's child (R3.4, R3.5)", async () => {
    const workspace = openWorkspace();
    const { pid, uid } = await startBare(workspace);
    expect((await statusOf(workspace, { env })).session.processes).toMatchObject([{ pid, proven: true }]);
    await workspace.holdfast(["stop"], { env });
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", processes: [{ pid }], survivors: [] });
    await expectFree(workspace, { env });
  });

  it("is ended by stop when its keeper hangs, which vouches for it before it is killed (R3.4)", async () => {
    const workspace = openWorkspace();
    const { pid, uid, keeperPid } = await startBare(workspace);
    process.kill(keeperPid, "SIGSTOP");
    expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
    expect([isAlive(pid), isAlive(keeperPid)]).toEqual([false, false]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lost", processes: [{ pid }], survivors: [] });
    await expectFree(workspace, { env });
  });

  it("is left alone and named when its keeper was killed; nobody starts beside it before that (R2.3, R3.2)", async () => {
    const workspace = openWorkspace();
    const { pid, uid, keeperPid } = await startBare(workspace);
    process.kill(keeperPid, "SIGKILL");
    await until(() => !isAlive(keeperPid));
    const refused = await workspace.holdfast(["start", "next", "--json", "--", ...agent("sleeper.sh")], { env });
    expect(refused.json().error).toMatchObject({ code: "AGENTS_RUNNING", processes: [{ pid }] });
    const stopped = await workspace.holdfast(["stop"], { env });
    expect(stopped).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`still runs: PID ${pid} `) });
    expect(endOf(workspace, uid).survivors).toMatchObject([{ pid, why: "not_proven" }]);
    expect(isAlive(pid)).toBe(true);
    await startSession(workspace, agent("sleeper.sh"), { id: "next", env });
  });
});

describe("an orphan that shows nothing of its session", () => {
  it("is left open by start with limits.reap_orphans, and by watch; cleanup closes it, and says what lives (R2.3, R3.2)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ limits: { reap_orphans: true } });
    const { pid, uid, keeperPid } = await startBare(workspace);
    process.kill(keeperPid, "SIGKILL");
    await until(() => !isAlive(keeperPid));
    const lives = {
      what: "orphan",
      result: "failed",
      detail: expect.stringContaining(`PID ${pid} lives on (not_proven)`),
    };
    const start = ["start", "next", "--json", "--", ...agent("sleeper.sh")];
    expect((await workspace.holdfast(start, { env })).json().error).toMatchObject({ code: "AGENTS_RUNNING" });
    const swept = await workspace.holdfast(["watch", "--once", "--json"], { env });
    expect([swept.exitCode, swept.json().actions]).toMatchObject([1, [lives]]);
    expect((await workspace.holdfast(start, { env })).json().error).toMatchObject({ processes: [{ pid }] });
    expect(workspace.events("orphaned")).toMatchObject([{ uid, processes: [{ pid }] }]);
    expect(workspace.events("ended")).toEqual([]);
    const cleaned = await workspace.holdfast(["cleanup", "--json"], { env });
    expect([cleaned.exitCode, cleaned.json().actions]).toMatchObject([1, [lives]]);
    expect(endOf(workspace, uid).survivors).toMatchObject([{ pid, why: "not_proven" }]);
    await startSession(workspace, agent("sleeper.sh"), { id: "next", env });
  });
});

describe("an agent without a cookie that agent.match knows", () => {
  const match = { agent: { match: "sleep 300$" } };

  it("is inside its session for other locks, too: start is not refused beside it, cleanup does not end it (R0.3, R3.2)", async () => {
    const workspace = openWorkspace();
    workspace.configure(match);
    const { pid } = await startBare(workspace, ["--lock", "other", "--owner", "ci"]);
    await startSession(workspace, agent("sleeper.sh"));
    expect((await statusOf(workspace, { env })).outside).toEqual([]);
    const cleaned = await workspace.holdfast(["cleanup", "--json"], { env });
    expect(cleaned.json().actions).toMatchObject([
      { what: "session", name: "demo", result: "ended" },
      { what: "session", pid, why: "belongs to ci", result: "named" },
    ]);
    expect(isAlive(pid)).toBe(true);
  });

  it("is inside its session when its keeper was killed, and is shown and named once (R2.3, R3.5)", async () => {
    const workspace = openWorkspace();
    workspace.configure(match);
    const { pid, keeperPid } = await startBare(workspace, ["--owner", "ci"]);
    process.kill(keeperPid, "SIGKILL");
    await until(() => !isAlive(keeperPid));
    expect(await statusOf(workspace, { env })).toMatchObject({ outside: [], process_count: 1 });
    const cleaned = await workspace.holdfast(["cleanup", "--json"], { env });
    expect(cleaned.json().actions).toMatchObject([{ what: "orphan", pid, why: "belongs to ci", result: "named" }]);
    expect(isAlive(pid)).toBe(true);
  });

  it("is ended by nobody while a claim that may be its own cannot be read (R0.3)", async () => {
    const workspace = openWorkspace();
    workspace.configure(match);
    const { pid, keeperPid, token } = await startBare(workspace, ["--lock", "other"]);
    process.kill(keeperPid, "SIGSTOP");
    workspace.write(`.holdfast/claims/other.${token}`, "garbage\n");
    const cleaned = await workspace.holdfast(["cleanup", "--lock", "session", "--json"], { env });
    const why = "could not end agents outside any session";
    expect(cleaned.json().actions).toMatchObject([{ what: "lock", why, result: "failed" }]);
    expect(isAlive(pid)).toBe(true);
    process.kill(keeperPid, "SIGKILL");
  });

  it("is planned to be ended once, however many locks there are, if it has no session (R3.6)", async () => {
    const workspace = openWorkspace();
    for (const lock of ["one", "two"]) await workspace.holdfast(["run", "--lock", lock, "true"]);
    workspace.configure(match);
    const { pid } = workspace.spawn(["sleep", "300"]);
    await until(() => lookAt(pid)?.command === "sleep 300");
    const planned = await workspace.holdfast(["cleanup", "--dry-run", "--json"]);
    expect(planned.json()).toMatchObject({ count: 1, actions: [{ what: "process", pid, result: "planned" }] });
  });
});

describe("cleanup", () => {
  it("ends what has a claim open that was given back: it was inherited from the session (R3.6)", async () => {
    const workspace = openWorkspace();
    const other = openWorkspace();
    const { token } = await startSession(workspace);
    await workspace.holdfast(["stop"]);
    const open = (redirection: string) => {
      return other.spawn([
        "sh",
        "-c",
        `exec 7${redirection}"$0"; exec sleep 300`,
        `${workspace.state}/claims/session.${token}`,
      ]);
    };
    const [heir, reader] = [open("<>"), open("<")];
    await until(() => [heir, reader].every(({ pid }) => lookAt(pid)?.command === "sleep 300"));
    const active = await startSession(workspace, agent("sleeper.sh"), { id: "active" });
    const { actions } = (await workspace.holdfast(["cleanup", "--json"])).json();
    expect(actions).toMatchObject([
      { what: "session", pid: active.pid, result: "ended" },
      { what: "process", name: "sleep 300", pid: heir.pid, why: "left of an ended session", result: "ended" },
    ]);
    expect([isAlive(heir.pid), isAlive(reader.pid)]).toEqual([false, true]);
  });
});
