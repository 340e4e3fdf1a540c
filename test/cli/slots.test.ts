import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const sleeper = agent("sleeper.sh");

const start = (workspace: Workspace, id: string, slots: number, env = {}) =>
  startSession(workspace, sleeper, { id, options: ["--slots", String(slots)], env });

describe.each(pulsesHere)("a lock with slots (%s pulse)", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  it("is held by so many at once and no more; each has its own slot, and tokens rise over all", async () => {
    const workspace = openWorkspace();
    const first = await start(workspace, "first", 2, env);
    const second = await start(workspace, "second", 2, env);
    expect([first.token, second.token]).toEqual([1, 2]);
    const status = await statusOf(workspace, { env });
    expect(status).toMatchObject({ slots: 2, active: true });
    expect(status.sessions).toMatchObject([
      { id: "first", slot: 1, slots: 2, token: 1, processes: [{ pid: first.pid }] },
      { id: "second", slot: 2, slots: 2, token: 2, processes: [{ pid: second.pid }] },
    ]);
    const refused = await workspace.holdfast(["start", "third", "--slots", "2", "--json", "--", ...sleeper], { env });
    expect(refused.exitCode).toBe(75);
    expect(refused.json().error).toMatchObject({
      code: "BUSY",
      message: "All 2 slots are taken: first, second",
      holder: { id: "first" },
      holders: [{ id: "first" }, { id: "second" }],
    });

    await workspace.holdfast(["stop", "first"], { env });
    const third = await start(workspace, "third", 2, env);
    expect(third.token).toBe(3);
    await workspace.holdfast(["stop", "second"], { env });
    const fourth = await start(workspace, "fourth", 2, env);
    expect(fourth.token).toBe(4);
    expect((await statusOf(workspace, { env })).sessions).toMatchObject([
      { id: "third", slot: 1 },
      { id: "fourth", slot: 2 },
    ]);
    const cleaned = await workspace.holdfast(["cleanup", "--json"], { env });
    expect(cleaned.json().actions).toMatchObject([
      { what: "session", name: "third", result: "ended" },
      { what: "session", name: "fourth", result: "ended" },
    ]);
    expect(existsSync(join(workspace.state, "session~2.lock"))).toBe(false);
    await expectFree(workspace, { env });
  });

  it("has one line for all slots: whoever is first gets the next slot that is free, however that came (R4.6)", async () => {
    const workspace = openWorkspace();
    await start(workspace, "first", 2, env);
    const second = await start(workspace, "second", 2, env);
    const third = await waitInLine(workspace, ["--id", "third", "--slots", "2", "cat"], { env });
    expect(third.stderr()).toContain("first holds the lock");
    expect(third.stderr()).toContain("and so does second");
    const fourth = await waitInLine(workspace, ["--id", "fourth", "--slots", "2", "sh", "-c", "echo fourth"], { env });
    expect(fourth.stderr()).toContain("1 ahead in line");
    process.kill(second.pid, "SIGKILL");
    await until(() => workspace.events("claimed").some(({ session }) => session === "third"));
    await workspace.holdfast(["stop", "first"], { env });
    expect(await fourth.ended).toMatchObject({ exitCode: 0, stdout: "fourth\n" });
    third.closeInput();
    expect(await third.ended).toMatchObject({ exitCode: 0 });
    const tokens = workspace.events("claimed").map(({ token }) => token);
    expect(tokens).toEqual([1, 2, 3, 4]);
    await expectFree(workspace, { env });
  });

  it("is settled slot by slot: a lost session of one disturbs no other (R2.3)", async () => {
    const workspace = openWorkspace();
    const first = await start(workspace, "first", 2, env);
    const second = await start(workspace, "second", 2, env);
    for (const pid of [second.keeperPid, second.pid]) process.kill(pid, "SIGKILL");
    await until(() => !isAlive(second.keeperPid) && !isAlive(second.pid));
    expect(await statusOf(workspace, { env })).toMatchObject({ session: { id: "first", uid: first.uid } });
    expect(endOf(workspace, second.uid)).toMatchObject({ reason: "lost" });
    const third = await start(workspace, "third", 2, env);
    expect(third.token).toBeGreaterThan(second.token);
    expect(isAlive(first.pid)).toBe(true);
  });
});

describe("slots", () => {
  it("have hints that name their session where several may be active", async () => {
    const workspace = openWorkspace();
    await start(workspace, "first", 2);
    const { stderr } = await workspace.holdfast(["start", "second", "--slots", "2", "--", ...sleeper]);
    expect(stderr).toContain("holdfast logs -o -f --session second");
    expect((await workspace.holdfast(["logs", "-o", "--session", "second"])).exitCode).toBe(0);
  });

  it("must be agreed on: whoever says another number is told which", async () => {
    const workspace = openWorkspace();
    await start(workspace, "first", 3);
    for (const [slots, words] of [
      [["--slots", "2"], "This lock has 3 slots"],
      [[], "say --slots 3"],
    ] as const) {
      const refused = await workspace.holdfast(["run", ...slots, "--json", "--", "touch", "ran"]);
      expect(refused.exitCode).toBe(64);
      expect(refused.json().error).toMatchObject({ code: "USAGE", slots: 3, retryable: false });
      expect(refused.json().error.message).toContain(words);
      expect(refused.json().error.message).toContain("while first is there");
    }
    expect(existsSync(join(workspace.root, "ran"))).toBe(false);
    // With nobody there any more, another number may be agreed on.
    await workspace.holdfast(["stop"]);
    expect((await workspace.holdfast(["run", "--", "true"])).exitCode).toBe(0);
    const { token } = await start(workspace, "second", 2);
    expect(token).toBe(3);
  });

  it("are agreed on with those in line, too", async () => {
    const workspace = openWorkspace();
    await start(workspace, "only", 1);
    await workspace.holdfast(["start", "next", "--queue", "--", ...sleeper]);
    const refused = await workspace.holdfast(["start", "--slots", "2", "--queue", "--json", "--", ...sleeper]);
    expect(refused.json().error).toMatchObject({ code: "USAGE", slots: 1, wanted_slots: 2 });
    expect(refused.json().error.message).toContain("while only, next are there");
  });

  it("lets each command name the session it means, and asks when none is named (R3.3, R3.4)", async () => {
    const workspace = openWorkspace();
    await start(workspace, "first", 2);
    const second = await start(workspace, "second", 2);
    const unnamed = await workspace.holdfast(["stop", "--json"]);
    expect(unnamed.exitCode).toBe(64);
    expect(unnamed.json().error).toMatchObject({
      message: "Which session? first, second are active: name one of them",
    });
    const joined = await workspace.holdfast(["join", "second", "--no-follow", "--pid", String(process.pid), "--json"]);
    expect(joined.json()).toMatchObject({ session: { uid: second.uid }, active_clients: 1 });
    expect((await workspace.holdfast(["leave", "second", "--pid", String(process.pid), "--json"])).json().count).toBe(
      1,
    );
    expect((await workspace.holdfast(["logs", "-o", "--session", "second", "--json"])).json().session).toMatchObject({
      uid: second.uid,
    });
    const waiting = workspace.spawnHoldfast(["wait", "second", "--json"]);
    const free = workspace.spawnHoldfast(["wait", "--until", "free"]);
    const stopped = await workspace.holdfast(["stop", "second", "--json"]);
    expect(stopped.json()).toMatchObject({ session: { uid: second.uid }, end: { reason: "stopped" } });
    expect((await waiting.ended).json()).toMatchObject({ session: { uid: second.uid } });
    expect((await free.ended).exitCode).toBe(0);
    // The only one needs no name.
    expect((await workspace.holdfast(["stop", "--json"])).json()).toMatchObject({ session: { id: "first" } });
    await expectFree(workspace);
  });

  it("tells the agent which slot it has", async () => {
    const workspace = openWorkspace();
    await start(workspace, "first", 2);
    const ran = await workspace.holdfast([
      "run",
      "--slots",
      "2",
      "--",
      "sh",
      "-c",
      'echo "$HOLDFAST_SLOT $HOLDFAST_TOKEN"',
    ]);
    expect(ran.stdout).toBe("2 2\n");
  });

  it("a session inside one may take another slot, not wait for itself", async () => {
    const workspace = openWorkspace();
    const inner = ["holdfast", "run", "--slots", "2", "--", "echo", "inner"];
    workspace.write("holdfast", `#!/bin/sh\nexec node ${join(import.meta.dirname, "../../bin/holdfast.js")} "$@"\n`);
    const ran = await workspace.holdfast(["run", "--slots", "2", "--", "sh", ...inner]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "inner\n" });
  });

  it.each(["0", "-1", "1.5", "many", "1001"])("refuses --slots %s", async (slots) => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["run", `--slots=${slots}`, "--", "true"]);
    expect(refused.exitCode).toBe(64);
    expect(refused.stderr).toContain(`--slots: expected a number from 1 to 1000, got ${slots}`);
  });
});
