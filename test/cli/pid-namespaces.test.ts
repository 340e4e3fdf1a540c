import { describe, expect, it } from "vitest";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { PidNamespace, whyNoPidNamespace } from "../support/pid-namespace.ts";
import type { Outcome } from "../support/program.ts";
import { hasKernelPulse, pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type CallOptions, type Workspace } from "../support/workspace.ts";

/** One of the two sides of a PID namespace; both share the state directory. */
type Side = (args: readonly string[], options?: CallOptions) => Promise<Outcome>;

interface Place {
  readonly workspace: Workspace;
  readonly inside: PidNamespace;
}

async function openPlace(): Promise<Place> {
  const workspace = openWorkspace();
  return { workspace, inside: await PidNamespace.open(workspace) };
}

const sides = {
  "holder inside, contender outside": ({ workspace, inside }: Place): readonly [Side, Side] => [
    (args, options) => inside.holdfast(args, options),
    (args, options) => workspace.holdfast(args, options),
  ],
  "holder outside, contender inside": ({ workspace, inside }: Place): readonly [Side, Side] => [
    (args, options) => workspace.holdfast(args, options),
    (args, options) => inside.holdfast(args, options),
  ],
};

const start = (id: string, ...options: string[]) => ["start", id, ...options, "--json", "--", ...agent("sleeper.sh")];
const reason = whyNoPidNamespace === null ? "" : ` (SKIPPED, no PID namespace can be made: ${whyNoPidNamespace})`;

const pulses = Object.keys(sides).flatMap((side) => pulsesHere.map((pulse) => [side, pulse] as const));

describe.skipIf(whyNoPidNamespace !== null).each(pulses)(
  `across a PID namespace: %s (%s pulse)${reason}`,
  (side, pulse) => {
    const env = { HOLDFAST_PULSE: pulse };
    const open = async () => {
      const place = await openPlace();
      const [holder, contender] = sides[side as keyof typeof sides](place);
      return { ...place, holder, contender };
    };

    it("the holder is told from a dead one by its pulse, and said to be elsewhere; it is stopped by its request (R1.1, R3.1, R3.5)", async () => {
      const { workspace, holder, contender } = await open();
      const started = await holder(start("demo"), { env });
      const { pid, uid } = started.json().session;

      const { session } = (await contender(["status", "--json"], { env })).json();
      expect(session).toMatchObject({
        uid,
        state: "active",
        where: "other_pid_namespace",
        visible: false,
        processes: [],
      });
      expect((await contender(["status"], { env })).stdout).toContain("run in another PID namespace on this machine");
      expect((await contender(["status", "--check"], { env })).exitCode).toBe(0);

      const refused = await contender(start("other"), { env });
      expect(refused.exitCode).toBe(75);
      expect(refused.json().error).toMatchObject({ code: "BUSY", holder: { uid, pid, where: "other_pid_namespace" } });
      const ran = await contender(["run", "-n", "--", "true"], { env });
      expect(ran).toMatchObject({
        exitCode: 75,
        stderr: expect.stringContaining("in another PID namespace on this machine"),
      });

      expect(
        (await contender(["join", "demo", "--no-follow", "--as", "guest", "--json"], { env })).json(),
      ).toMatchObject({
        where: "other_pid_namespace",
        session: { uid },
        active_clients: 1,
      });
      expect((await contender(["wait", "demo", "--until", "ready"], { env })).exitCode).toBe(0);
      expect((await contender(["logs", "--output"], { env })).stdout).toContain("agent ");

      const stopped = await contender(["stop", "demo", "--reason", "from elsewhere", "--json"], { env });
      expect(stopped.exitCode).toBe(0);
      expect(stopped.json().end).toMatchObject({ reason: "stopped", stop_reason: "from elsewhere", survivors: [] });
      endOf(workspace, uid);
      expect((await holder(["status", "--check"], { env })).exitCode).toBe(3);
    });

    it("one that is ending is left no more time by a second request (R1.1, R3.4)", async () => {
      const { workspace, holder, contender } = await open();
      const started = await holder(["start", "demo", "--json", "--", ...agent("ignores-term.sh")], { env });
      const { uid } = started.json().session;
      const patient = contender(["stop", "--kill-after", "10m", "--reason", "first", "--json"], { env });
      await until(async () => (await statusOf(workspace, { env })).session.state === "ending", {
        what: "it is ending",
      });
      expect((await contender(["stop", "--kill-after", "0"], { env })).exitCode).toBe(0);
      expect((await patient).json()).toMatchObject({ ok: true, end: { stop_reason: "first" } });
      endOf(workspace, uid);
    });

    it("who waits there has its turn when the holder ends (R4.6)", async () => {
      const { workspace, holder, contender } = await open();
      await holder(start("demo"), { env });
      const queued = (
        await contender(["start", "next", "--queue", "--json", "--", ...agent("sleeper.sh")], { env })
      ).json();
      expect(queued).toMatchObject({ queued: true, position: 1, holder: { id: "demo", where: "other_pid_namespace" } });
      const { queue } = (await holder(["status", "--json"], { env })).json();
      expect(queue).toMatchObject([{ id: "next", where: "other_pid_namespace" }]);
      const refused = await holder(["stop", "next", "--json"], { env });
      expect(refused.exitCode).toBe(77);
      expect(refused.json().error.message).toContain("waits in another PID namespace on this machine");
      await holder(["stop", "demo"], { env });
      await until(() => workspace.events("started").length === 2);
      expect((await holder(["status", "--json"], { env })).json().session).toMatchObject({ id: "next" });
      expect((await contender(["stop", "next"], { env })).exitCode).toBe(0);
    });
  },
);

describe.skipIf(whyNoPidNamespace !== null)(`a keeper in another PID namespace${reason}`, () => {
  // With a lease it would have lost the lock by then.
  it.skipIf(!hasKernelPulse)(
    "that does not react is never signalled, nor its agent: stop and cleanup say that they cannot (R3.4, R3.6)",
    async () => {
      const { workspace, inside } = await openPlace();
      await inside.holdfast(start("demo", "--kill-after", "0"));
      const { session } = (await workspace.holdfast(["status", "--json"])).json();
      const keeper = inside.outerPid(session.keeper_pid);
      const sleeper = inside.outerPid(session.pid);
      process.kill(keeper, "SIGSTOP");
      const calls = [
        ["stop", "demo", "--json"],
        ["cleanup", "--json"],
      ];
      const [stopped, cleaned] = await Promise.all(calls.map((call) => workspace.holdfast(call)));
      expect(stopped?.exitCode).toBe(77);
      expect(stopped?.json().error).toMatchObject({ code: "NOT_PERMITTED", where: "other_pid_namespace" });
      expect(stopped?.json().error.message).toContain("cannot be ended from here");
      expect(cleaned?.exitCode).toBe(1);
      expect(cleaned?.json().actions).toMatchObject([{ what: "session", name: "demo", result: "failed" }]);
      expect(lookAt(keeper)).toMatchObject({ state: "T" });
      expect(isAlive(sleeper)).toBe(true);
      expect(workspace.events("ended")).toEqual([]);
      // It finds the request when it goes on.
      process.kill(keeper, "SIGCONT");
      await until(() => !isAlive(keeper));
      expect(endOf(workspace, session.uid)).toMatchObject({ reason: "stopped" });
    },
  );

  it("that was killed, with a lease: its agent is seen by its cookie, nobody starts beside it, and nobody signals it (R2.3, R3.6)", async () => {
    const { workspace, inside } = await openPlace();
    const env = { HOLDFAST_PULSE: "lease" };
    const { session } = (await inside.holdfast(start("demo"), { env })).json();
    const { keeper_pid: keeper } = (await workspace.holdfast(["status", "--json"], { env })).json().session;
    const agentPid = inside.outerPid(session.pid);
    process.kill(inside.outerPid(keeper), "SIGKILL");
    const refused = await until(
      async () => {
        const outcome = await workspace.holdfast(start("other"), { env });
        return outcome.json().error.code === "AGENTS_RUNNING" ? outcome : null;
      },
      { withinMs: 40_000, everyMs: 500 },
    );
    expect(refused.json().error).toMatchObject({ session: "demo", processes: [{ pid: agentPid }] });
    expect((await statusOf(workspace, { env })).session).toMatchObject({
      state: "orphaned",
      where: "other_pid_namespace",
      processes: [{ pid: agentPid, proven: false }],
    });
    await workspace.holdfast(["cleanup"], { env });
    expect(isAlive(agentPid)).toBe(true);
    expect(endOf(workspace, session.uid).survivors).toMatchObject([{ pid: agentPid, why: "out_of_reach" }]);
    expect((await workspace.holdfast(start("other"), { env })).exitCode).toBe(0);
    // A lease is stale after 15 seconds, and looked at with a container for each look.
  }, 90_000);

  // A kernel lock at once, a lease when it is stale.
  it.each(pulsesHere)("that died with it is noticed by its pulse: %s (R2.1, R2.3)", async (pulse) => {
    const { workspace, inside } = await openPlace();
    const env = { HOLDFAST_PULSE: pulse };
    const { session } = (await inside.holdfast(start("demo"), { env })).json();
    const waiting = workspace.spawnHoldfast(["run", "--", "true"], { env });
    await until(async () => (await statusOf(workspace, { env })).queue.length === 1);
    await inside.kill();
    expect((await waiting.ended).exitCode).toBe(0);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "lost" });
    await expectFree(workspace, { env });
  });
});
