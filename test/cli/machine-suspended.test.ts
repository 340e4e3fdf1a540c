import { describe, expect, it } from "vitest";
import { machineWithClock, setClock } from "../support/clock.ts";
import { waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const nightMs = 8 * 3_600_000;

/** How long the waiter is awake before the keeper is: it looks once a second, and thrice if it doubts. */
const aheadMs = 2_500;

/**
 * As a laptop that is closed at night: everything stands still, the clock has gone on when it goes on, and the monotonic
 * clock, by which timers run, has not.
 */
describe.each(pulsesHere)("when the machine wakes up (%s pulse)", (pulse) => {
  it("the session is still there, and who waits does not get its turn, woken first as it was (R3.1)", async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: pulse, ...machineWithClock(workspace, "laptop") };
    const { uid, pid, keeperPid } = await startSession(workspace, agent("sleeper.sh"), {
      env,
      options: ["--max-time", "4h"],
    });
    const waiter = await waitInLine(workspace, ["--id", "next", "true"], { env });
    const everybody = [waiter.pid, pid, keeperPid];
    for (const each of everybody) process.kill(each, "SIGSTOP");
    setClock(workspace, "laptop", nightMs);
    process.kill(waiter.pid, "SIGCONT");
    const awakeAt = performance.now();
    await until(() => performance.now() - awakeAt > aheadMs);
    expect(workspace.events("claimed")).toMatchObject([{ uid }]);
    for (const each of everybody) process.kill(each, "SIGCONT");
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid, state: "active" });
    const refused = await workspace.holdfast(["run", "-n", "--json", "true"], { env });
    expect(refused.json().error).toMatchObject({ code: "BUSY" });
    expect(isAlive(pid)).toBe(true);
    expect((await workspace.holdfast(["stop", "demo"], { env })).exitCode).toBe(0);
    expect((await waiter.ended).exitCode).toBe(0);
    expect(workspace.events().flatMap(({ event }) => (event.startsWith("lock_") ? [event] : []))).toEqual([]);
    expect(workspace.events("ended")).toMatchObject([{ uid, reason: "stopped" }, { session: "next" }]);
    await expectFree(workspace, { env });
  });
});
