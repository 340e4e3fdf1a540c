import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { forgeClaim, realClaim } from "../support/forged-claims.ts";
import type { Json } from "../support/program.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const hour = 3_600_000;
const day = 24 * hour;

/** A session that its record calls active, and of which nothing lives any more. */
async function forgeDeadSession(
  workspace: Workspace,
  real: Json,
  { id, startedAt, lastOutputAt }: { id: string; startedAt: Date; lastOutputAt: Date },
): Promise<string> {
  const { unsettled: _, ...info } = real.info;
  const uid = `${real.info.session.uid.slice(0, -id.length)}${id}`;
  const times = { created_at: startedAt.toISOString(), started_at: startedAt.toISOString() };
  forgeClaim(workspace, {
    ...real,
    since: times.created_at,
    info: { ...info, session: { ...info.session, ...times, id, uid } },
  });
  const directory = join(workspace.state, "sessions", uid);
  writeFileSync(join(directory, "output.log"), "the last words\n");
  for (const name of ["output.log", "clients"]) utimesSync(join(directory, name), lastOutputAt, lastOutputAt);
  return uid;
}

describe("a session that has been active on record and dead in truth for 18 days", () => {
  it.each([
    ["status", []],
    ["start", ["next", "--", ...agent("sleeper.sh")]],
    ["cleanup", []],
    ["stop", []],
  ] as const)(
    "is closed by %s with its true age: it ended with its last sign of life (R2.1, R2.3)",
    async (verb, rest) => {
      const workspace = openWorkspace();
      const real = await realClaim(workspace);
      const startedAt = new Date(Date.now() - 18 * day);
      const lastOutputAt = new Date(startedAt.getTime() + 2 * hour);
      const uid = await forgeDeadSession(workspace, real, { id: "forgotten", startedAt, lastOutputAt });
      await workspace.holdfast([verb, ...rest]);
      const end = endOf(workspace, uid);
      expect(end).toMatchObject({ session: "forgotten", reason: "lost", exit_code: null, signal: null, processes: [] });
      expect(Math.abs(Date.parse(end.ended_at) - lastOutputAt.getTime())).toBeLessThan(1000);
      expect(end.duration_seconds).toBeCloseTo((2 * hour) / 1000, 0);
      expect(end.last_activity).toBe(end.ended_at);
      await workspace.holdfast(["stop"]);
      await expectFree(workspace);
      endOf(workspace, uid);
    },
  );

  it("is never listed as active, by nobody (R1.2)", async () => {
    const workspace = openWorkspace();
    const real = await realClaim(workspace);
    const then = new Date(Date.now() - 18 * day);
    await forgeDeadSession(workspace, real, { id: "forgotten", startedAt: then, lastOutputAt: then });
    expect(await statusOf(workspace)).toMatchObject({ active: false, session: null, problems: [] });
    expect((await workspace.holdfast(["join", "--no-follow", "--json"])).json().error.code).toBe("NO_SESSION");
    const started = await startSession(workspace, agent("sleeper.sh"), { id: "next" });
    expect((await statusOf(workspace)).session.uid).toBe(started.uid);
  });

  it("is one of many: they are closed in bulk, each once (R2.3)", async () => {
    const workspace = openWorkspace();
    const real = await realClaim(workspace);
    const uids = [];
    for (const [index, id] of ["one", "two", "three"].entries()) {
      const startedAt = new Date(Date.now() - (18 - index) * day);
      uids.push(await forgeDeadSession(workspace, real, { id, startedAt, lastOutputAt: startedAt }));
    }
    await Promise.all([1, 2, 3].map(() => workspace.holdfast(["status"])));
    const reasons = uids.map((uid) => endOf(workspace, uid).reason);
    expect(reasons).toEqual(["lost", "lost", "lost"]);
    await expectFree(workspace);
  });

  it("is not closed again when its end was written just before its keeper died (R2.1)", async () => {
    const workspace = openWorkspace();
    const real = await realClaim(workspace);
    forgeClaim(workspace, real);
    expect(await statusOf(workspace)).toMatchObject({ active: false, session: null });
    expect(endOf(workspace, real.info.session.uid)).toMatchObject({ reason: "stopped" });
    await expectFree(workspace);
  });

  // With a lease, another boot may be another machine.
  it.skipIf(!hasKernelPulse)(
    "before a reboot: a claim of another boot is dead, whatever its numbers mean now (R2.1)",
    async () => {
      const workspace = openWorkspace();
      const real = await realClaim(workspace);
      const reboot = (identity: object) => ({ ...identity, boot: "00000000-0000-4000-8000-000000000000" });
      const session = {
        ...real.info.session,
        uid: `${real.info.session.uid.slice(0, -4)}boot`,
        agent: reboot(real.info.session.agent),
      };
      forgeClaim(workspace, { ...real, owner: reboot(real.owner), info: { session } });
      expect(await statusOf(workspace)).toMatchObject({ active: false, session: null });
      expect(endOf(workspace, session.uid)).toMatchObject({ reason: "lost" });
      expect((await startSession(workspace, agent("sleeper.sh"), { id: "next" })).token).toBeGreaterThan(2);
    },
  );
});
