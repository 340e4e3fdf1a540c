import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive, openFilesOf } from "../support/live-processes.ts";
import type { RunningProgram } from "../support/program.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, startSession, statusOf, untilItWaits, type StartedSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** Writes into the output of a session, in its agent's place. */
function say(workspace: Workspace, { uid }: StartedSession, text: string): void {
  appendFileSync(join(workspace.state, "sessions", uid, "output.log"), text);
}

async function killKeeper({ keeperPid }: StartedSession): Promise<void> {
  process.kill(keeperPid, "SIGKILL");
  await until(() => !isAlive(keeperPid));
}

describe.each(pulsesHere)("a session whose keeper is dead and that does not hold the lock (%s pulse)", (pulse) => {
  const call = { env: { HOLDFAST_PULSE: pulse } };

  /** A session `demo` of which nothing holds the lock once its keeper is dead, and one that ended before it. */
  async function startCareless(workspace: Workspace): Promise<StartedSession> {
    const before = await startSession(workspace, agent("sleeper.sh"), { id: "before", ...call });
    say(workspace, before, "of another session\n");
    await workspace.holdfast(["stop", "before"], call);
    const session = await startSession(workspace, agent("closes-descriptors.sh"), call);
    await until(() => workspace.announcements("agent").includes(session.pid));
    return session;
  }

  const untilWaiting = (wait: RunningProgram) =>
    pulse === "kernel"
      ? untilItWaits(wait)
      : until(() => openFilesOf(wait.pid).some((path) => path.includes("inotify")));

  it("is waited for until all of it is gone, by who waited before and by who comes then (R2.3)", async () => {
    const workspace = openWorkspace();
    const lost = await startCareless(workspace);
    const before = workspace.spawnHoldfast(["wait", "demo", "--json"], call);
    const waitsBefore = workspace.spawnHoldfast(["wait", "--until", "output=finished", "--json"], call);
    for (const wait of [before, waitsBefore]) await untilWaiting(wait);
    await killKeeper(lost);
    expect((await statusOf(workspace, call)).session).toMatchObject({ id: "demo", state: "orphaned" });
    for (const words of [["demo"], [], ["demo", "--until", "output=never"]]) {
      const early = await workspace.holdfast(["wait", ...words, "--timeout", "0.5", "--json"], call);
      expect(early.json().error).toMatchObject({ code: "WAIT_TIMEOUT" });
    }
    expect([before, waitsBefore].map(({ pid }) => isAlive(pid))).toEqual([true, true]);
    expect((await workspace.holdfast(["wait", "--until", "ready"], call)).exitCode).toBe(0);
    const after = workspace.spawnHoldfast(["wait", "demo", "--json"], call);
    say(workspace, lost, "finished\n");
    expect((await waitsBefore.ended).json()).toMatchObject({ ok: true, session: { uid: lost.uid } });
    expect((await workspace.holdfast(["stop", "demo"], call)).exitCode).toBe(0);
    for (const wait of [before, after]) {
      const waited = await wait.ended;
      expect(waited.exitCode).toBe(1);
      expect(waited.json()).toMatchObject({ session: { uid: lost.uid }, end: { reason: "lost" } });
    }
    endOf(workspace, lost.uid);
  });

  it("is the one whose output is shown and followed, and not an older one's (R2.3, R3.7)", async () => {
    const workspace = openWorkspace();
    const lost = await startCareless(workspace);
    say(workspace, lost, "one\n");
    const said = `agent ${lost.pid}\none\n`;
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f", "--json"], call);
    await until(() => follower.stdout().includes("one"));
    await killKeeper(lost);
    for (const words of [[], ["--session", "demo"], ["--cursor", "0"]]) {
      const shown = await workspace.holdfast(["logs", "-o", "--json", ...words], call);
      expect(shown.json()).toMatchObject({ session: { uid: lost.uid }, text: said, eof: false });
    }
    const early = await workspace.holdfast(["wait", "demo", "--timeout", "1.5"], call);
    expect(early.exitCode).toBe(75);
    say(workspace, lost, "two\n");
    await until(() => follower.stdout().includes("two"));
    expect(follower.stdout()).not.toContain('"eof":true');
    await workspace.holdfast(["stop", "demo"], call);
    const documents = (await follower.ended).jsonLines();
    expect(documents.map(({ text }) => text).join("")).toBe(`${said}two\n`);
    expect(documents.at(-1)).toMatchObject({ eof: true });
    const older = await workspace.holdfast(["logs", "-o", "--session", "before"], call);
    expect(older.stdout).toMatch(/of another session\n$/);
  });

  it("can be joined by nobody, who is told what runs (75)", async () => {
    const workspace = openWorkspace();
    const lost = await startCareless(workspace);
    await killKeeper(lost);
    for (const words of [
      ["join", "demo", "--no-follow"],
      ["join", "--", "true"],
      ["leave", "demo"],
    ]) {
      const refused = await workspace.holdfast(["--json", ...words], call);
      expect(refused.exitCode).toBe(75);
      expect(refused.json().error).toMatchObject({ code: "AGENTS_RUNNING", processes: [{ pid: lost.pid }] });
    }
  });

  it("is found beside the session that was started with --force (R3.2)", async () => {
    const workspace = openWorkspace();
    const lost = await startCareless(workspace);
    say(workspace, lost, "one\n");
    const said = `agent ${lost.pid}\none\n`;
    await killKeeper(lost);
    await startSession(workspace, agent("sleeper.sh"), { id: "next", options: ["--force"], ...call });
    const shown = await workspace.holdfast(["logs", "-o", "--session", "demo", "--json"], call);
    expect(shown.json()).toMatchObject({ session: { uid: lost.uid }, text: said, eof: false });
    const early = await workspace.holdfast(["wait", "demo", "--timeout", "0.3", "--json"], call);
    expect(early.json().error.code).toBe("WAIT_TIMEOUT");
  });
});
