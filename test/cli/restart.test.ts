import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const again = agent("exits-again.sh", "fifo");

/** Lets the agent that runs now exit with this code. */
const exitWith = (workspace: Workspace, code: number) => tell(join(workspace.root, "fifo"), String(code));

function restarted(workspace: Workspace, times: number) {
  return until(() => workspace.events("restarted").length === times, { what: `${times} restarts` });
}

describe("start --restart", () => {
  it("starts a failed agent again in the same session: same uid, same token, one end (R1.3)", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace, again, { options: ["--restart", "on-failure"] });
    const firstChild = await workspace.announced("child");
    await exitWith(workspace, 3);
    await restarted(workspace, 1);
    await until(() => workspace.announcements("agent").length === 2);
    const pid = await workspace.announced("agent");
    expect(workspace.events("restarted")).toMatchObject([
      { uid: session.uid, token: session.token, pid, restarts: 1, exit_code: 3, signal: null },
    ]);
    const status = await statusOf(workspace);
    expect(status.session).toMatchObject({ uid: session.uid, token: session.token, pid, restarts: 1, state: "active" });
    // What the first one left is not there beside the second.
    expect(isAlive(firstChild)).toBe(false);
    expect(workspace.events("process_ended")).toMatchObject([{ uid: session.uid, pid: firstChild }]);

    await exitWith(workspace, 0);
    await workspace.holdfast(["wait", "demo"]);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "exited", exit_code: 0, token: session.token });
    expect(workspace.events("claimed")).toHaveLength(1);
    expect(workspace.events("started")).toHaveLength(1);
    await expectFree(workspace);
  });

  it("starts one that was killed again, too", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, again, { options: ["--restart", "on-failure"] });
    process.kill(pid, "SIGKILL");
    await restarted(workspace, 1);
    expect(workspace.events("restarted")).toMatchObject([{ restarts: 1, exit_code: null, signal: "SIGKILL" }]);
  });

  it("always: whatever its exit code; and at most --max-restarts times", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, again, { options: ["--restart", "always", "--max-restarts", "2"] });
    for (const times of [1, 2]) {
      await exitWith(workspace, 0);
      await restarted(workspace, times);
    }
    expect((await statusOf(workspace)).session).toMatchObject({ restart: "always", max_restarts: 2, restarts: 2 });
    await exitWith(workspace, 5);
    const waited = await workspace.holdfast(["wait", "demo"]);
    expect(waited.exitCode).toBe(5);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "exited", exit_code: 5 });
    await expectFree(workspace);
  });

  it("waits longer each time; stop ends it at once while it waits, and says what is (R1.1, R3.4)", async () => {
    const workspace = openWorkspace();
    // Ends by itself after half a second: long enough to have started.
    const { uid } = await startSession(workspace, ["sh", "-c", "sleep 0.5; exit 9"], {
      options: ["--restart", "always"],
    });
    await restarted(workspace, 3);
    const waiting = await until(async () => {
      const { session } = await statusOf(workspace);
      return session.state === "restarting" && session.restarts === 4 ? session : null;
    });
    expect(waiting).toMatchObject({ uid, processes: [], restart_at: expect.stringMatching(/Z$/) });
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end).toMatchObject({ reason: "stopped", exit_code: 9 });
    expect(workspace.events("restarted")).toHaveLength(3);
    endOf(workspace, uid);
    await expectFree(workspace);
  });

  it("is not started again when it was ended on purpose", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, again, { options: ["--restart", "always"] });
    await workspace.holdfast(["stop"]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped" });
    expect(workspace.events("restarted")).toEqual([]);
    await expectFree(workspace);
  });

  it("ends the session when the program is gone, and says why", async () => {
    const workspace = openWorkspace();
    const script = workspace.write("agent.sh", "#!/bin/sh\nexec sh -c 'sleep 300'\n");
    const copy = ["sh", "-c", `chmod +x ${script}`];
    await workspace.spawn(copy, { input: "" }).ended;
    const { uid, pid } = await startSession(workspace, [script], { options: ["--restart", "always"] });
    await workspace.spawn(["rm", script], { input: "" }).ended;
    process.kill(pid, "SIGKILL");
    await workspace.holdfast(["wait", "demo"]);
    expect(workspace.events("start_failed")).toMatchObject([{ uid, reason: "NOT_FOUND" }]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "start_failed", signal: "SIGKILL" });
    await expectFree(workspace);
  });

  it("waits for readiness each time, and counts one that does not get ready as failed", async () => {
    const workspace = openWorkspace();
    const command =
      'echo up; if [ -e once ]; then exec sleep 300; fi; : >once; echo ready; read -r code <fifo; exit "$code"';
    await workspace.spawn(["mkfifo", "fifo"], { input: "" }).ended;
    const ready = ["--ready-output", "^ready$", "--ready-timeout", "400ms"];
    await startSession(workspace, ["sh", "-c", command], { options: ["--restart", "on-failure", ...ready] });
    expect(workspace.events("ready")).toHaveLength(1);
    await exitWith(workspace, 1);
    // The output still shows the first one's word: only what comes after the restart counts.
    await restarted(workspace, 2);
    expect(workspace.events("restarted")[1]).toMatchObject({ restarts: 2, signal: "SIGTERM" });
    expect(workspace.events("ready")).toHaveLength(1);
    await workspace.holdfast(["stop"]);
    await expectFree(workspace);
  });

  it("asks one that does not get ready to end only once, also when stop comes meanwhile, and names it (R3.4, R4.7)", async () => {
    const workspace = openWorkspace();
    const stubborn = 'trap "echo TERM >>asked" TERM; echo "patient $$" >>"$ANNOUNCE"; while :; do sleep 0.1; done';
    const command = `if [ -e once ]; then ${stubborn}; fi; : >once; echo ready; read -r code <fifo; exit "$code"`;
    await workspace.spawn(["mkfifo", "fifo"], { input: "" }).ended;
    const options = [
      "--restart",
      "on-failure",
      "--ready-output",
      "ready",
      "--ready-timeout",
      "1s",
      "--kill-after",
      "2s",
    ];
    const { uid } = await startSession(workspace, ["sh", "-c", command], { options });
    await exitWith(workspace, 1);
    await restarted(workspace, 1);
    await until(() => workspace.read("asked") !== "", { what: "it is asked to end" });
    expect((await workspace.holdfast(["stop"])).exitCode).toBe(0);
    expect(workspace.read("asked")).toBe("TERM\n");
    const [{ pid } = { pid: null }] = workspace.events("restarted");
    expect(workspace.events("process_ended")).toContainEqual(expect.objectContaining({ uid, pid, how: "SIGKILL" }));
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", signal: "SIGKILL" });
    await expectFree(workspace);
  });

  it("is ended as stop asks, and once, while it is not ready again yet (R3.4, R4.7)", async () => {
    const workspace = openWorkspace();
    const patient =
      'trap "echo INT >>asked; exit 7" INT; trap "echo TERM >>asked" TERM; echo "patient $$" >>"$ANNOUNCE"; while :; do sleep 0.1; done';
    const command = `if [ -e once ]; then ${patient}; fi; : >once; echo ready; read -r code <fifo; exit "$code"`;
    await workspace.spawn(["mkfifo", "fifo"], { input: "" }).ended;
    const options = ["--restart", "on-failure", "--ready-output", "ready", "--kill-after", "1s"];
    const { uid } = await startSession(workspace, ["sh", "-c", command], { options });
    await exitWith(workspace, 1);
    await restarted(workspace, 1);
    await workspace.announced("patient");
    expect((await workspace.holdfast(["stop", "--signal", "INT", "--kill-after", "20s"])).exitCode).toBe(0);
    expect(workspace.read("asked")).toBe("INT\n");
    expect(workspace.events("process_ended")).toEqual([]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", exit_code: 7 });
    await expectFree(workspace);
  });

  it("with --close, too, is started only when the one before has been ended that did not get ready", async () => {
    const workspace = openWorkspace();
    const child = `sh -c 'trap "" TERM; echo "child $$" >>"$ANNOUNCE"; while :; do sleep 0.1; done'`;
    const command = `if [ -e twice ]; then exec sleep 300; fi
      if [ -e once ]; then : >twice; ${child} & wait; fi
      : >once; echo ready; read -r code <fifo; exit "$code"`;
    await workspace.spawn(["mkfifo", "fifo"], { input: "" }).ended;
    const ready = ["--ready-output", "^ready$", "--ready-timeout", "300ms", "--kill-after", "1s"];
    const options = ["--close", "--restart", "on-failure", ...ready];
    await startSession(workspace, ["sh", "-c", command], { options });
    await exitWith(workspace, 1);
    await restarted(workspace, 2);
    const pid = await workspace.announced("child");
    expect(isAlive(pid)).toBe(false);
    expect(workspace.events("process_ended")).toContainEqual(expect.objectContaining({ pid, how: "SIGKILL" }));
    await workspace.holdfast(["stop"]);
    await expectFree(workspace);
  });

  it.each([
    [["--restart", "sometimes"], "--restart: expected no, on-failure, always, got sometimes"],
    [["--max-restarts", "3"], "--max-restarts: give --restart on-failure or always too"],
    [["--restart", "no", "--max-restarts", "3"], "--max-restarts: give --restart"],
    [["--restart", "always", "--max-restarts", "-1"], "--max-restarts: expected a whole number, got -1"],
  ])("refuses %j", async (options, message) => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["start", ...options, "--", "true"]);
    expect(refused.exitCode).toBe(64);
    expect(refused.stderr).toContain(message);
  });
});
