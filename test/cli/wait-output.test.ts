import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { startSession, untilItWaits } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

/** A session whose agent has written just this; the test writes more by the function it gets. */
async function sessionThatWrote(workspace: Workspace, text: string): Promise<(more: string) => void> {
  const { uid } = await startSession(workspace, ["sleep", "300"]);
  const file = join(workspace.state, "sessions", uid, "output.log");
  const write = (more: string) => appendFileSync(file, more);
  write(text);
  return write;
}

function waitFor(regex: string, ...options: string[]): string[] {
  return ["wait", "demo", "--until", `output=${regex}`, "--json", ...options];
}

describe("wait --until output=REGEX --cursor", () => {
  it("resumes after each match until there is none: none is missed, none comes twice", async () => {
    const workspace = openWorkspace();
    await sessionThatWrote(workspace, "größe 1 größe 2\n😀 größe 3\n");
    const cursors: number[] = [];
    for (const cursor of [[], ["--cursor", "9"], ["--cursor", "19"]]) {
      const waited = await workspace.holdfast(waitFor(String.raw`größe \d`, ...cursor));
      expect(waited).toMatchObject({ exitCode: 0, stderr: "" });
      cursors.push(waited.json().next_cursor);
    }
    expect(cursors).toEqual([9, 19, 34]);
    const none = await workspace.holdfast(waitFor("größe", "--cursor", "34", "--timeout", "0"));
    expect(none.json().error).toMatchObject({ code: "WAIT_TIMEOUT", next_cursor: 34 });
  });

  it("waits for what comes after the cursor", async () => {
    const workspace = openWorkspace();
    const write = await sessionThatWrote(workspace, "done\n");
    const waiting = workspace.spawnHoldfast(waitFor("^done$", "--cursor", "4"));
    await untilItWaits(waiting);
    const early = await workspace.holdfast(waitFor("^done$", "--cursor", "4", "--timeout", "0.2"));
    expect(early.exitCode).toBe(75);
    expect(waiting.stdout()).toBe("");
    write("not done\ndone\n");
    expect((await waiting.ended).json()).toMatchObject({ ok: true, until: "output=^done$", next_cursor: 18 });
  });

  it("gives up with where to resume, and the command that does", async () => {
    const workspace = openWorkspace();
    const write = await sessionThatWrote(workspace, "it is rea");
    const early = await workspace.holdfast(waitFor("is ready", "--cursor", "2", "--timeout", "0.2"));
    expect(early.exitCode).toBe(75);
    const { error } = early.json();
    expect(error).toMatchObject({ code: "WAIT_TIMEOUT", retryable: true, waited_seconds: 0.2, next_cursor: 2 });
    expect(error.next[0]).toBe("holdfast wait demo --until 'output=is ready' --cursor 2");
    write("dy\n");
    const again = ["sh", "-c", error.next[0].replace("holdfast", '"$@"'), "sh", ...holdfast];
    expect((await workspace.spawn(again).ended).stdout).toBe("✅ demo   output=is ready\n   next cursor 11\n");
  });

  it("does so also where a claim of another slot cannot be read any more", async () => {
    const workspace = openWorkspace();
    for (const id of ["first", "demo"]) await startSession(workspace, undefined, { id, options: ["--slots", "2"] });
    const waiting = workspace.spawnHoldfast(waitFor("never", "--timeout", "3"));
    await until(() => waiting.stderr().includes("waiting for demo"));
    const path = workspace.write(".holdfast/claims/session.50", "garbage\n");
    const ended = await waiting.ended;
    rmSync(path);
    expect(ended.exitCode).toBe(75);
    expect(ended.json().error).toMatchObject({ code: "WAIT_TIMEOUT", next_cursor: expect.any(Number) });
  });

  it("--timeout 0 tells whether it is there now", async () => {
    const workspace = openWorkspace();
    await sessionThatWrote(workspace, `${"-".repeat(200_000)}ready`);
    const now = await workspace.holdfast(waitFor("ready", "--timeout", "0"));
    expect(now.json()).toMatchObject({ ok: true, next_cursor: 200_005 });
    expect((await workspace.holdfast(waitFor("steady", "--timeout", "0"))).exitCode).toBe(75);
  });

  it("searches from the end when the cursor lies beyond it, as after another session's", async () => {
    const workspace = openWorkspace();
    const write = await sessionThatWrote(workspace, "ready\n");
    const early = await workspace.holdfast(waitFor("ready", "--cursor", "5000", "--timeout", "0.2"));
    expect(early.json().error).toMatchObject({ code: "WAIT_TIMEOUT", next_cursor: 6 });
    const waiting = workspace.spawnHoldfast(waitFor("ready", "--cursor", "6"));
    write("ready\n");
    expect((await waiting.ended).json()).toMatchObject({ next_cursor: 11 });
  });

  it("fails when the session ends without", async () => {
    const workspace = openWorkspace();
    await sessionThatWrote(workspace, "ready\n");
    const waiting = workspace.spawnHoldfast(waitFor("ready", "--cursor", "6"));
    await untilItWaits(waiting);
    await workspace.holdfast(["stop"]);
    const waited = await waiting.ended;
    expect(waited.exitCode).toBe(66);
    expect(waited.json().error).toMatchObject({
      code: "NO_SESSION",
      message: "demo has ended before its output showed that (SIGTERM)",
      reason: "stopped",
      next: ["holdfast logs --session demo", "holdfast logs -o --session demo"],
    });
  });

  it.each(["output=up", "ready"])(
    "says of a session that has ended already how, and shows the way back: %s",
    async (what) => {
      const workspace = openWorkspace();
      await workspace.holdfast(["start", "demo", "--queue", "--", "sh", "-c", "echo up; exit 9"]);
      await workspace.holdfast(["wait", "demo"]);
      const waited = await workspace.holdfast(["wait", "demo", "--until", what, "--json"]);
      expect(waited.exitCode).toBe(66);
      expect(waited.json().error).toMatchObject({ message: "demo has ended already (exit 9)", exit_code: 9 });
    },
  );

  it("searches what a session has written that came and went while its turn was waited for", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    await workspace.holdfast(["start", "demo", "--queue", "--", "sh", "-c", "echo up; exit 9"]);
    const waiting = workspace.spawnHoldfast(waitFor("up"));
    await until(() => waiting.stderr() !== "", { what: "it says that it waits" });
    waiting.signal("SIGSTOP");
    await holder.letGo();
    await until(() => workspace.events("ended").length === 2, { what: "it has had its turn" });
    waiting.signal("SIGCONT");
    expect((await waiting.ended).json()).toMatchObject({ ok: true, next_cursor: 2 });
  });

  it("refuses to wait for what a run writes (64)", async () => {
    const workspace = openWorkspace();
    await holdLock(workspace, { id: "demo" });
    const refused = await workspace.holdfast(waitFor("up"));
    expect(refused.exitCode).toBe(64);
    expect(refused.json().error.message).toMatch(/^Nothing is kept of what demo writes: it is a run/);
  });

  it.each([
    [["--until", "output=x", "--cursor", "-1"], "--cursor"],
    [["--until", "output=x", "--cursor", "1.5"], "--cursor"],
    [["--until", "output=x", "--cursor", "end"], "--cursor"],
    [["--until", "ready", "--cursor", "0"], "output="],
    [["--cursor", "0"], "output="],
  ])("refuses %j", async (options, named) => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["wait", "--json", ...options]);
    expect(refused.exitCode).toBe(64);
    expect(refused.json().error).toMatchObject({ code: "USAGE", message: expect.stringContaining(named) });
  });
});

/** The words that call holdfast, for a shell that calls it by them. */
const holdfast = [process.execPath, join(import.meta.dirname, "../../bin/holdfast.js")];
