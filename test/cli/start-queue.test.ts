import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive, openFilesOf } from "../support/live-processes.ts";
import { isWaitedFor } from "../support/lock-files.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** Leaves a session in line. @returns the document of `start --queue` */
async function queue(workspace: Workspace, id: string, command = agent("sleeper.sh"), options: string[] = []) {
  const queued = await workspace.holdfast(["start", id, "--queue", ...options, "--json", "--", ...command]);
  expect(queued).toMatchObject({ exitCode: 0, stderr: "" });
  return queued.json();
}

/** Waits until the session of this id holds the lock and runs. */
function untilActive(workspace: Workspace, id: string) {
  return until(async () => {
    const { session } = await statusOf(workspace);
    return session?.id === id && session.state === "active" ? session : null;
  });
}

describe("start --queue", () => {
  it("returns at once with its place and for whom it waits, and runs when its turn comes (R4.6)", async () => {
    const workspace = openWorkspace();
    const first = await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const second = await queue(workspace, "second");
    expect(second).toMatchObject({
      queued: true,
      joined: false,
      token: null,
      position: 1,
      session: { id: "second", phase: "queued", pid: null },
      holder: { id: "first", pid: first.pid, orphaned: false },
    });
    expect(await queue(workspace, "third")).toMatchObject({ position: 2, holder: { id: "first" } });
    const status = await statusOf(workspace);
    expect(status.queue).toMatchObject([
      { position: 1, id: "second", uid: second.session.uid, mode: "background", by: { user: expect.any(String) } },
      { position: 2, id: "third", mode: "background" },
    ]);
    await workspace.holdfast(["stop", "first"]);
    expect(await untilActive(workspace, "second")).toMatchObject({ uid: second.session.uid, token: 2 });
    expect((await statusOf(workspace)).queue).toMatchObject([{ position: 1, id: "third" }]);
    await workspace.holdfast(["stop", "second"]);
    await untilActive(workspace, "third");
    await workspace.holdfast(["stop", "third"]);
    await expectFree(workspace);
    expect(workspace.events("claimed").map(({ session }) => session)).toEqual(["first", "second", "third"]);
    expect(endOf(workspace, second.session.uid)).toMatchObject({ reason: "stopped" });
  });

  it("starts at once when the lock is free, and says so", async () => {
    const workspace = openWorkspace();
    expect(await queue(workspace, "only")).toMatchObject({ queued: false, token: 1, session: { phase: "running" } });
    expect(workspace.events("queued")).toEqual([]);
  });

  it("never passes a session that is in line already", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    await queue(workspace, "second");
    const { position } = await queue(workspace, "third");
    expect(position).toBe(2);
    const refused = await workspace.holdfast(["start", "pusher", "--json", "--", "true"]);
    expect(refused.json().error).toMatchObject({ code: "BUSY", holder: { id: "first" } });
  });

  it("is taken out of the line by stop with its id; the others move up (R3.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const { session } = await queue(workspace, "second");
    await queue(workspace, "third");
    const stopped = await workspace.holdfast(["stop", "second", "--reason", "not needed", "--json"]);
    expect(stopped.json()).toMatchObject({ kind: "waiter", waiter: { id: "second" } });
    expect(isAlive(stopped.json().waiter.pid)).toBe(false);
    expect((await statusOf(workspace)).queue).toMatchObject([{ position: 1, id: "third" }]);
    expect(workspace.events("stop_requested")).toMatchObject([{ session: "second", reason: "not needed" }]);
    expect(workspace.events("unqueued")).toMatchObject([{ uid: session.uid, reason: "terminated" }]);
    await workspace.holdfast(["stop", "first"]);
    await untilActive(workspace, "third");
    expect(workspace.sessionDirectories()).not.toContain(session.uid);
  });

  it("leaves another owner's place alone without --force", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    await queue(workspace, "second", agent("sleeper.sh"), ["--owner", "ci"]);
    const refused = await workspace.holdfast(["stop", "second", "--json"]);
    expect(refused.json().error).toMatchObject({ code: "NOT_PERMITTED", owner: "ci" });
    expect((await statusOf(workspace)).queue).toMatchObject([{ id: "second", owner: "ci" }]);
    expect((await workspace.holdfast(["stop", "second", "--force"])).exitCode).toBe(0);
  });

  it("does not wait with --wait 0: it is refused as without --queue", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const words = ["start", "next", "--queue", "--wait", "0", "--json", "--", ...agent("sleeper.sh")];
    const refused = await workspace.holdfast(words);
    expect(refused.exitCode).toBe(75);
    expect(refused.json().error).toMatchObject({ code: "BUSY", message: "Session already active: demo" });
    expect((await statusOf(workspace)).queue).toEqual([]);
  });

  it("gives up after --wait, and leaves nothing", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const { session } = await queue(workspace, "second", agent("sleeper.sh"), ["--wait", "300ms"]);
    await until(() => workspace.events("unqueued").length > 0);
    expect(workspace.events("unqueued")).toMatchObject([{ uid: session.uid, reason: "timed out", ticket: 1 }]);
    expect((await statusOf(workspace)).queue).toEqual([]);
    await until(() => workspace.keepers().length === 1);
    expect(workspace.sessionDirectories()).not.toContain(session.uid);
  });

  it("is skipped at once when its keeper is killed in line, and the log says that it is gone (R4.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const second = await queue(workspace, "second");
    await queue(workspace, "third");
    const [{ pid }] = (await statusOf(workspace)).queue;
    process.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid));
    expect((await statusOf(workspace)).queue).toMatchObject([{ position: 1, id: "third" }]);
    await workspace.holdfast(["stop", "first"]);
    await untilActive(workspace, "third");
    expect(workspace.events("unqueued")).toMatchObject([
      { uid: second.session.uid, reason: `gone: PID ${pid} died in line` },
    ]);
    expect(workspace.events("claimed").map(({ session }) => session)).toEqual(["first", "third"]);
  });

  it("is waited for by its id: through the line, its run and its end", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    // An older session of the same name is not the one that is waited for.
    const { session } = await queue(workspace, "second", ["sh", "-c", "echo done; exit 7"]);
    const waiting = workspace.spawnHoldfast(["wait", "second", "--json"]);
    const reading = workspace.spawnHoldfast(["wait", "second", "--until", "output=done"]);
    await until(async () => (await statusOf(workspace)).queue.length === 1);
    await workspace.holdfast(["stop", "first"]);
    const ended = await waiting.ended;
    expect(ended.exitCode).toBe(7);
    expect(ended.json()).toMatchObject({ session: { uid: session.uid }, end: { reason: "exited", exit_code: 7 } });
    await reading.ended;
  });

  it("is told to whoever wants to join it, and ends a wait for it when it leaves the line (R3.3)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    await queue(workspace, "second");
    const refused = await workspace.holdfast(["join", "second", "--no-follow", "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error).toMatchObject({
      code: "NO_SESSION",
      message: "second is not active yet: next in line",
      position: 1,
      next: ["holdfast wait second --until ready", "holdfast status"],
    });
    // Whatever it is to see, and although another session is active.
    for (const [index, what] of ["ended", "ready", "output=done"].entries()) {
      if (index > 0) await queue(workspace, "second");
      const ticket = join(workspace.state, "queue", `session.${index + 1}`);
      const waiting = workspace.spawnHoldfast(["wait", "second", "--until", what, "--json"]);
      await until(() =>
        hasKernelPulse ? isWaitedFor([ticket]) : openFilesOf(waiting.pid).includes("anon_inode:inotify"),
      );
      await workspace.holdfast(["stop", "second"]);
      const ended = await waiting.ended;
      expect(ended.exitCode).toBe(66);
      expect(ended.json().error).toMatchObject({ code: "NO_SESSION", message: "second left the line before its turn" });
    }
    const late = await workspace.holdfast(["wait", "second", "--json"]);
    expect(late.exitCode).toBe(66);
    expect(late.json().error).toMatchObject({ code: "NO_SESSION", message: "second left the line before its turn" });
  });

  it("does not start beside an agent that was started by hand meanwhile (R3.2)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { match: "sleep 4321" } });
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const { session } = await queue(workspace, "second");
    const stray = workspace.spawn(["sleep", "4321"], { input: "" });
    await until(() => workspace.agents().some(({ pid }) => pid === stray.pid));
    await workspace.holdfast(["stop", "first"]);
    await until(() => workspace.events("unqueued").length > 0);
    expect(workspace.events("unqueued")).toMatchObject([
      { uid: session.uid, reason: expect.stringMatching(/^refused: 1 agent process already running, outside any/) },
    ]);
    expect(workspace.events("claimed").map(({ session: id }) => id)).toEqual(["first"]);
    expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(0);
  });

  it("keeps the record of an agent that could not be started: nobody was there to be told", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const { session } = await queue(workspace, "second", ["no-such-command"]);
    await workspace.holdfast(["stop", "first"]);
    const waited = await workspace.holdfast(["wait", "second", "--json"]);
    expect(waited.json()).toMatchObject({ session: { uid: session.uid }, end: { reason: "start_failed" } });
    expect(workspace.events("start_failed")).toMatchObject([{ uid: session.uid, reason: "NOT_FOUND" }]);
    await expectFree(workspace);
  });

  // The PID was that of the `start --queue`, long gone: whoever went after it met nobody, or a stranger.
  it("is named by its own PID to those who would pass it while it hangs", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    await queue(workspace, "second");
    const { pid } = (await statusOf(workspace)).queue[0];
    process.kill(pid, "SIGSTOP");
    await workspace.holdfast(["stop", "first"]);
    const refused = await workspace.holdfast(["run", "-n", "--json", "--", "true"]);
    expect(refused.json().error.message).toMatch(new RegExp(`^The lock is free, but second .*PID ${pid}\\) is next`));
    await workspace.holdfast(["stop", "second"]);
    await expectFree(workspace);
  });

  it("tells a person where it stands and what to type next", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const { stdout, stderr } = await workspace.holdfast(["start", "second", "--queue", "--", "true"]);
    expect(stdout).toMatch(
      /^⏳ second {3}waits in the background · next in line\n {3}true\n {3}first holds the lock for /,
    );
    expect(stderr).toContain("holdfast wait second");
    expect(stderr).toContain("holdfast stop second");
  });
});
