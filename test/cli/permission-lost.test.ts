import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf } from "../support/sessions.ts";
import { asSomebody, openForEverybody, whyNotSomebody } from "../support/somebody.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

/** Calls holdfast as somebody from whom a permission can be taken, which is not so with root. */
function call(workspace: Workspace, env: Readonly<Record<string, string>>, ...words: string[]) {
  return workspace.spawn([...(asSomebody ?? []), process.execPath, bin, ...words], { env, input: "" }).ended;
}

async function start(workspace: Workspace, env: Readonly<Record<string, string>>) {
  openForEverybody(workspace);
  const started = await call(workspace, env, "start", "demo", "--json", "--", ...agent("sleeper.sh"));
  const { uid, pid } = started.json().session;
  return { uid, pid, keeperPid: lookAt(pid)?.ppid ?? 0 };
}

describe.skipIf(asSomebody === null)(`a session whose keeper may not do its work${whyNotSomebody}`, () => {
  it.each(pulsesHere)("goes on, says so once, and works as before afterwards (%s pulse; R2.4)", async (pulse) => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: pulse };
    const { uid, pid } = await start(workspace, env);
    const claims = join(workspace.state, "claims");
    chmodSync(claims, 0o000);
    await until(() => workspace.events("cleaned").length > 0);
    const since = performance.now();
    await until(() => performance.now() - since > 2_100, { what: "the keeper has looked twice more" });
    expect(workspace.events("cleaned")).toMatchObject([
      { uid, what: "watch", result: expect.stringMatching(/permission denied \(EACCES\)\n\S*\/\.holdfast\/claims/) },
    ]);
    expect(isAlive(pid)).toBe(true);
    chmodSync(claims, 0o700);
    expect((await call(workspace, env, "run", "-n", "true")).exitCode).toBe(75);
    expect((await call(workspace, env, "stop")).exitCode).toBe(0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", processes: [{ pid }] });
    await workspace.untilEmpty();
  });

  it(
    "is ended when it cannot renew its lease for as long as that lasts: others may have the lock then (R3.1)",
    { timeout: 60_000 },
    async () => {
      const workspace = openWorkspace();
      const env = { HOLDFAST_PULSE: "lease" };
      const { uid, pid, keeperPid } = await start(workspace, env);
      chmodSync(workspace.state, 0o000);
      await until(() => !isAlive(keeperPid), { withinMs: 45_000 });
      expect(isAlive(pid)).toBe(false);
      // It could tell nobody. Whoever looks first when that is possible again closes it.
      chmodSync(workspace.state, 0o700);
      expect((await call(workspace, env, "status", "--json")).json().session).toBeNull();
      expect(endOf(workspace, uid)).toMatchObject({ session: "demo" });
      expect((await call(workspace, env, "run", "-n", "true")).exitCode).toBe(0);
    },
  );
});
