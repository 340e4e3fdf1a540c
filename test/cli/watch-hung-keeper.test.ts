import { describe, expect, it } from "vitest";
import { machineWithClock, setClock } from "../support/clock.ts";
import { isAlive } from "../support/live-processes.ts";
import { holdLock } from "../support/held-lock.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { endOf, startSession, survivorsOf, type StartedSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** A session on a lock of its own whose keeper hangs before the session can be idle for too long. */
async function hungSession(workspace: Workspace, lock: string, ...options: string[]): Promise<StartedSession> {
  const started = await startSession(workspace, agent("sleeper.sh"), {
    id: lock,
    options: ["--lock", lock, "--kill-after", "100ms", ...options],
  });
  process.kill(started.keeperPid, "SIGSTOP");
  return started;
}

/**
 * Alone in its file: it takes the ten seconds that a keeper may be late, and the 15 that `stop` gives it. Under leases it
 * would be a race: who stands still for 30 seconds is dead there, and what it keeps is an orphan.
 */
describe.skipIf(!hasKernelPulse)("watch, where keepers hang", () => {
  it(
    "ends what it has seen idle past its limit, and only that, whatever the clock says (R4.4, R5.3)",
    { timeout: 120_000 },
    async () => {
      const workspace = openWorkspace();
      // A session keeps the limit it was started with.
      const earlier = await hungSession(workspace, "earlier");
      workspace.configure({ limits: { idle: "2s" } });
      const configured = await hungSession(workspace, "configured");
      const limited = await hungSession(workspace, "limited", "--idle-timeout", "2s", "--owner", "ci");
      const patient = await hungSession(workspace, "patient", "--idle-timeout", "1h");
      const unlimited = await hungSession(workspace, "unlimited", "--idle-timeout", "0");
      const visited = await hungSession(workspace, "visited", "--idle-timeout", "2s");
      const client = workspace.spawn(["sleep", "300"]);
      await workspace.holdfast(["join", "--lock", "visited", "--no-follow", "--pid", String(client.pid)]);
      const foreground = await holdLock(workspace, { options: ["--idle-timeout", "2s"] });
      process.kill(foreground.run.pid, "SIGSTOP");

      const watch = workspace.spawnHoldfast(["watch", "--interval", "500ms"], {
        env: machineWithClock(workspace, "laptop"),
      });
      // As after a night's sleep: `patient` is silent past its limit only by this clock.
      setClock(workspace, "laptop", 8 * 3_600_000);
      const overdue = [configured, limited];
      await until(() => overdue.every(({ id }) => watch.stdout().includes(`session  ${id}  PID`)), {
        withinMs: 90_000,
      });
      watch.signal("SIGTERM");
      expect((await watch.ended).exitCode).toBe(0);

      for (const { pid, keeperPid, uid, id } of overdue) {
        expect(survivorsOf([pid, keeperPid])).toEqual([]);
        expect(endOf(workspace, uid)).toMatchObject({ session: id, reason: "lost", processes: [{ pid }] });
      }
      for (const { pid, keeperPid } of [earlier, patient, unlimited, visited])
        expect(survivorsOf([pid, keeperPid])).toEqual([pid, keeperPid]);
      expect(isAlive(foreground.agentPid)).toBe(true);
      expect(
        workspace
          .events("cleaned")
          .map(({ what, result }) => `${what} ${result}`)
          .toSorted(),
      ).toEqual(["session configured ended", "session limited ended"]);
    },
  );
});
