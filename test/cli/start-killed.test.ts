import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { childrenOf } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { seed, seededRandom } from "../support/seeded-random.ts";
import { endOf, expectFree, statusOf, untilItWaits } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const sleeper = agent("sleeper.sh");
/** Many starts: seconds, but more on a machine that is busy. */
const busy = { timeout: 120_000 };

function kill(pid: number | undefined): void {
  if (pid === undefined) throw new Error("It is not there");
  process.kill(pid, "SIGKILL");
}

/** An agent that tells when it was not alone: it takes a lock of its own on a witness file. */
const witnessed = ["sh", "-c", 'exec 9>witness; flock -n 9 || echo "beside $$" >>"$ANNOUNCE"; exec sleep 300'];

/** What a killed `start` may leave: a whole session, or nothing; and never a lock that nobody frees. */
async function expectWholeOrNothing(workspace: Workspace, env: Record<string, string>): Promise<void> {
  const status = await until(async () => {
    const seen = await statusOf(workspace, { env });
    return seen.session === null || seen.session.state === "active" ? seen : null;
  });
  if (status.session === null) {
    await until(() => workspace.agents().length === 0, { what: "no agent without a session" });
  } else {
    expect(workspace.agents().map(({ pid }) => pid)).toEqual([status.session.pid]);
    expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
  }
  expect(workspace.announcements("beside")).toEqual([]);
  const after = await workspace.holdfast(["start", "after", "--json", "--", ...witnessed], { env });
  expect(after.exitCode).toBe(0);
  expect((await workspace.holdfast(["stop", "after"], { env })).exitCode).toBe(0);
  expect(workspace.events("ended").at(-1)).toMatchObject({ uid: after.json().session.uid, reason: "stopped" });
}

const roundsOf = { kernel: 16, lease: 8 };

describe.each(pulsesHere.map((pulse) => ({ pulse, rounds: roundsOf[pulse] })))(
  "a start that is killed at any moment ($pulse pulse)",
  ({ pulse, rounds }) => {
    const env = { HOLDFAST_PULSE: pulse };

    it(`leaves a whole session or nothing, never two agents or a stuck lock (R3.1; seed ${seed})`, busy, async () => {
      const workspace = openWorkspace();
      const random = seededRandom(seed);
      for (let round = 0; round < rounds; round += 1) {
        const killed = workspace.spawnHoldfast(["start", `round-${round}`, "--", ...witnessed], { env });
        await sleep(random() * 110);
        killed.signal("SIGKILL");
        await killed.ended;
        await expectWholeOrNothing(workspace, env);
      }
      await expectFree(workspace, { env });
      const ended = workspace.events("ended").map(({ uid }) => uid);
      expect(ended).toEqual([...new Set(ended)]);
      expect(ended).toEqual(expect.arrayContaining(workspace.events("claimed").map(({ uid }) => uid)));
      const tokens = workspace.events("claimed").map(({ token }) => token as number);
      expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
      expect(new Set(tokens).size).toBe(tokens.length);
    });

    it("leaves nothing when it dies the moment its keeper exists, before it could hand over (R3.1)", async () => {
      const workspace = openWorkspace();
      for (let round = 0; round < 6; round += 1) {
        const killed = workspace.spawnHoldfast(["start", `round-${round}`, "--", ...witnessed], { env });
        await until(() => childrenOf(killed.pid).length > 0, { everyMs: 0, what: "the keeper is there" });
        killed.signal("SIGKILL");
        await killed.ended;
        await expectWholeOrNothing(workspace, env);
      }
      await expectFree(workspace, { env });
    });

    it(`lets the others go on: of three starts, two killed, the line never sticks (R3.1; seed ${seed + 1})`, async () => {
      const workspace = openWorkspace();
      const random = seededRandom(seed + 1);
      for (let round = 0; round < rounds / 4; round += 1) {
        const starts = ["a", "b", "c"].map((name) =>
          workspace.spawnHoldfast(["start", `${name}-${round}`, "--wait", "20s", "--", ...witnessed], { env }),
        );
        const [survivor, ...victims] = starts;
        await Promise.all(
          victims.map(async (victim) => {
            await sleep(random() * 150);
            victim.signal("SIGKILL");
          }),
        );
        // A victim's keeper may have taken the session over before: then its turn ends only when somebody stops it.
        let isOver = false;
        void survivor?.ended.then(() => (isOver = true));
        await until(async () => {
          const { session } = await statusOf(workspace, { env });
          if (!isOver && session !== null && !session.id.startsWith("a-")) await workspace.holdfast(["stop"], { env });
          return isOver;
        });
        expect((await survivor?.ended)?.exitCode).toBe(0);
        expect((await workspace.holdfast(["stop", `a-${round}`], { env })).exitCode).toBe(0);
        expect(workspace.announcements("beside")).toEqual([]);
      }
      await expectFree(workspace, { env });
    });
  },
);

describe("a keeper that is killed while start waits for it", () => {
  it("makes start fail, with nothing left behind, or succeed with an agent that runs (R3.1)", async () => {
    const workspace = openWorkspace();
    const random = seededRandom(seed + 2);
    for (let round = 0; round < 8; round += 1) {
      const starting = workspace.spawnHoldfast(["start", `round-${round}`, "--json", "--", ...agent("sleeper.sh")]);
      const keeper = await until(() => workspace.keepers()[0]?.pid);
      await sleep(random() * 60);
      process.kill(keeper, "SIGKILL");
      const outcome = await starting.ended;
      const agents = workspace.agents().map(({ pid }) => pid);
      if (outcome.exitCode === 0) expect(agents).toEqual([outcome.json().session.pid]);
      const cleaned = await workspace.holdfast(["cleanup", "--json"]);
      expect(cleaned.json().actions.filter(({ result }: { result: string }) => result === "failed")).toEqual([]);
      await expectFree(workspace);
    }
    const ended = workspace.events("ended").map(({ uid }) => uid);
    expect(ended).toEqual([...new Set(ended)]);
    expect(ended).toEqual(expect.arrayContaining(workspace.events("claimed").map(({ uid }) => uid)));
  });

  // With LATE=handover it exited with 0 and had said nothing, with LATE=identity it called this a bug.
  it.each(["identity", "handover"])("before it is told anything: start fails, and says so (R3.1; %s)", async (late) => {
    const workspace = openWorkspace();
    const preload = join(import.meta.dirname, "../fixtures/preloads/keeper-dies-at-once.cjs");
    const env = { HOLDFAST_PULSE: "lease", NODE_OPTIONS: `--require=${preload}`, LATE: late };
    const failed = await workspace.holdfast(["start", "demo", "--json", "--", ...sleeper], { env });
    expect(failed.exitCode).toBe(1);
    expect(failed.json().error).toMatchObject({ code: "START_FAILED", signal: "SIGKILL" });
    await expectFree(workspace);
    const ended = workspace.events("ended");
    expect(ended.map(({ session }) => session)).toEqual(["demo"]);
  });

  // `start` wrote an end that was none, and removed the output of an agent that ran on; and it said that this was a bug.
  it("leaves the session to whoever finds it when the agent lives on, and says so (R2.1, R2.3)", async () => {
    const workspace = openWorkspace();
    const starting = workspace.spawnHoldfast(["start", "demo", "--ready-output", "never", "--json", "--", ...sleeper]);
    const pid = await workspace.announced("agent");
    const [keeper] = workspace.keepers();
    kill(keeper?.pid);
    const failed = await starting.ended;
    expect(failed.exitCode).toBe(1);
    const { error } = failed.json();
    expect(error).toMatchObject({ code: "START_FAILED", keeper_pid: keeper?.pid, signal: "SIGKILL" });
    expect(error).toMatchObject({ processes: [{ pid }], next: ["holdfast stop demo", "holdfast status"] });
    expect(workspace.events("ended")).toEqual([]);
    const [uid = ""] = workspace.sessionDirectories();
    expect((await statusOf(workspace)).session).toMatchObject({ uid, state: "orphaned" });
    expect((await workspace.holdfast(["stop", "demo"])).exitCode).toBe(0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lost", processes: [{ pid }] });
    expect(workspace.agentOutput(uid)).toBe(`agent ${pid}\n`);
  });

  // Both `start` and the next in line wrote the end.
  it("with its agent: the next in line has its turn, and the end is written once (R2.1, R4.6)", async () => {
    const workspace = openWorkspace();
    for (const id of ["a", "b", "c", "d"]) {
      const starting = workspace.spawnHoldfast(["start", id, "--ready-output", "never", "--json", "--", ...sleeper]);
      await until(() => workspace.events("started").some(({ session }) => session === id));
      const next = workspace.spawnHoldfast(["run", "--id", `after-${id}`, "--", "true"]);
      await untilItWaits(next);
      const [keeper] = workspace.keepers();
      // Held still, it cannot notice that its agent has died before it is killed itself.
      if (keeper !== undefined) process.kill(keeper.pid, "SIGSTOP");
      kill(workspace.announcements("agent").at(-1));
      kill(keeper?.pid);
      expect((await starting.ended).json().error.code).toBe("START_FAILED");
      expect((await next.ended).exitCode).toBe(0);
      const ended = workspace.events("ended").filter(({ session }) => session === id);
      expect(ended).toMatchObject([{ reason: "lost" }]);
    }
  });
});
