import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { machineWithClock, setClock } from "../support/clock.ts";
import { holdLock, waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const lease = { HOLDFAST_PULSE: "lease" };
const hourMs = 3_600_000;
const patient = { timeout: 90_000 };

function leases(workspace: Workspace): readonly string[] {
  const claims = join(workspace.state, "claims");
  return readdirSync(claims)
    .filter((name) => name.startsWith(".lease-"))
    .map((name) => join(claims, name));
}

/** When they beat last. */
function beats(workspace: Workspace): string {
  return leases(workspace)
    .map((path) => statSync(path).mtimeMs)
    .join();
}

/** Makes every lease as old as if its owner had stood still for so long. */
function letLeasesAge(workspace: Workspace, ageMs: number): void {
  const at = new Date(Date.now() - ageMs);
  for (const path of leases(workspace)) utimesSync(path, at, at);
}

describe("a session with a lease", () => {
  it.each([hourMs, -hourMs])(
    "keeps its lock when the clock of who wants it is off by %i ms (R3.1)",
    patient,
    async (byMs) => {
      const workspace = openWorkspace();
      const { uid } = await startSession(workspace, agent("sleeper.sh"), { env: lease });
      const env = { ...lease, ...machineWithClock(workspace, "other") };
      setClock(workspace, "other", byMs);
      const refused = await workspace.holdfast(["run", "-n", "--json", "true"], { env });
      expect(refused.json().error).toMatchObject({ code: "BUSY", holder: { uid } });
      expect((await statusOf(workspace, { env })).session).toMatchObject({ uid, state: "active" });
      expect(workspace.events("claimed")).toHaveLength(1);
    },
  );

  it("goes on when its own clock is set forward and back; who waits gets no turn by that (R3.1)", patient, async () => {
    const workspace = openWorkspace();
    const env = { ...lease, ...machineWithClock(workspace, "its") };
    const { uid, pid } = await startSession(workspace, agent("sleeper.sh"), { env });
    const waiter = await waitInLine(workspace, ["--id", "next", "true"], { env });
    for (const byMs of [hourMs, -hourMs, 0]) {
      const before = beats(workspace);
      setClock(workspace, "its", byMs);
      // Two beats later everybody has seen the new time.
      await until(() => beats(workspace) !== before);
      const then = beats(workspace);
      await until(() => beats(workspace) !== then);
    }
    expect(workspace.events("claimed")).toMatchObject([{ uid }]);
    expect(workspace.events("lock_lost")).toEqual([]);
    expect(isAlive(pid)).toBe(true);
    expect((await workspace.holdfast(["stop", "demo"], { env })).exitCode).toBe(0);
    expect((await waiter.ended).exitCode).toBe(0);
  });

  it(
    "is over when its keeper stood still for too long: it ends its agent then, and exits with 79 (R3.1)",
    patient,
    async () => {
      const workspace = openWorkspace();
      const { run, agentPid } = await holdLock(workspace, { id: "frozen", env: lease });
      run.signal("SIGSTOP");
      letLeasesAge(workspace, 60_000);
      const next = workspace.spawnHoldfast(["run", "--id", "next", "true"], { env: lease });
      // It has had the lock, and given it back: it does not run beside the agent that it found.
      await until(() => existsSync(join(workspace.state, "claims/session.2")));
      expect(isAlive(agentPid)).toBe(true);
      run.signal("SIGCONT");
      const { exitCode, stderr } = await run.ended;
      expect(exitCode).toBe(79);
      expect(stderr).toContain("The lock was lost while the command ran; its processes were ended");
      expect(isAlive(agentPid)).toBe(false);
      const [frozen] = workspace.events("claimed");
      expect(workspace.events("lock_lost")).toMatchObject([{ session: "frozen" }]);
      expect(endOf(workspace, frozen?.["uid"])).toMatchObject({ reason: "lock_lost" });
      expect((await next.ended).exitCode).toBe(0);
      await expectFree(workspace, { env: lease });
    },
  );
});
