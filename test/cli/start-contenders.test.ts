import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { expectFree, startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const contenders = Array.from({ length: 20 }, (_, index) => `contender-${index + 1}`);

describe.each(pulsesHere)("20 starts at the same moment (%s pulse)", (pulse) => {
  it("let exactly one through; the others are told who it is (R3.1)", async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: pulse };
    const outcomes = await Promise.all(
      contenders.map((id) => workspace.holdfast(["start", id, "--json", "--", ...agent("sleeper.sh")], { env })),
    );
    const winners = outcomes.filter(({ exitCode }) => exitCode === 0).map((outcome) => outcome.json().session);
    expect(winners).toHaveLength(1);
    const refused = outcomes.filter(({ exitCode }) => exitCode !== 0);
    expect(new Set(refused.map(({ exitCode }) => exitCode))).toEqual(new Set([75]));
    expect(new Set(refused.map((outcome) => outcome.json().error.holder.id))).toEqual(new Set([winners[0].id]));
    expect(workspace.announcements("agent")).toEqual([winners[0].pid]);
    expect(workspace.agents().map(({ pid }) => pid)).toEqual([winners[0].pid]);
    expect(workspace.events("started")).toHaveLength(1);
    expect(workspace.sessionDirectories()).toEqual([winners[0].uid]);
    await workspace.holdfast(["stop"], { env });
    await expectFree(workspace, { env });
  });
});

describe("start --wait", () => {
  it("waits in line, and starts when the active session ends; none passes it (R4.6)", async () => {
    const workspace = openWorkspace();
    const first = await startSession(workspace);
    const waiting = workspace.spawnHoldfast([
      "start",
      "second",
      "--wait",
      "20s",
      "--json",
      "--",
      ...agent("sleeper.sh"),
    ]);
    await until(async () => (await workspace.holdfast(["status", "--json"])).json().queue[0]?.id === "second");
    expect(workspace.announcements("agent")).toEqual([first.pid]);
    await workspace.holdfast(["stop", "demo"]);
    const started = await waiting.ended;
    expect(started.exitCode).toBe(0);
    expect(started.json()).toMatchObject({ joined: false, token: first.token + 1, session: { id: "second" } });
    expect(isAlive(first.pid)).toBe(false);
    expect(workspace.agents().map(({ pid }) => pid)).toEqual([started.json().session.pid]);
  });

  it("gives up after its time with WAIT_TIMEOUT 75, having started nothing", async () => {
    const workspace = openWorkspace();
    const active = await startSession(workspace);
    const gaveUp = await workspace.holdfast([
      "start",
      "late",
      "--wait",
      "200ms",
      "--json",
      "--",
      ...agent("sleeper.sh"),
    ]);
    expect(gaveUp.exitCode).toBe(75);
    expect(gaveUp.json().error).toMatchObject({ code: "WAIT_TIMEOUT", retryable: true });
    expect(workspace.announcements("agent")).toEqual([active.pid]);
    expect((await workspace.holdfast(["status", "--json"])).json().queue).toEqual([]);
  });

  it("does not wait with --wait 0", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const refused = await workspace.holdfast(["start", "now", "--wait", "0", "--json", "--", ...agent("sleeper.sh")]);
    expect(refused.exitCode).toBe(75);
    expect(workspace.events("queued")).toEqual([]);
  });

  it("serves waiters in the order they came, one at a time, whatever ends a session (R4.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("exits-when-told.sh", "told"), { id: "zero" });
    const waiting = [];
    for (const id of ["one", "two", "three"]) {
      const script = 'echo "turn $0" >>turns; sleep 0.3; [ "$0" != two ] || kill -KILL $$';
      waiting.push(workspace.spawnHoldfast(["start", id, "--wait", "20s", "--json", "--", "sh", "-c", script, id]));
      await until(async () => (await workspace.holdfast(["status", "--json"])).json().queue.at(-1)?.id === id);
    }
    workspace.spawn(["sh", "-c", "echo >told"]);
    const outcomes = await Promise.all(waiting.map(({ ended }) => ended));
    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    await until(() => workspace.events("ended").length === 4);
    expect(workspace.read("turns")).toBe("turn one\nturn two\nturn three\n");
    expect(workspace.events("ended").map(({ session, reason }) => [session, reason])).toEqual([
      ["zero", "exited"],
      ["one", "exited"],
      ["two", "signalled"],
      ["three", "exited"],
    ]);
  });
});
