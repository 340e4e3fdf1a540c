import { chmodSync, readdirSync, statSync } from "node:fs";
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

/** A session that somebody has joined who is gone; nobody has looked since. */
async function withDeadClient(workspace: Workspace) {
  const session = await start(workspace, {});
  const client = workspace.spawn(["sleep", "300"]);
  expect((await call(workspace, {}, "join", "--as", "guest", "--pid", String(client.pid))).exitCode).toBe(0);
  client.signal("SIGKILL");
  await client.ended;
  const log = join(workspace.state, "holdfast.log");
  const clients = join(workspace.state, "sessions", session.uid, "clients");
  return { ...session, clients, log };
}

describe.skipIf(asSomebody === null)(`a client that is gone${whyNotSomebody}`, () => {
  it.each([
    ["removed", "clients", 0o500, 0o700],
    ["logged", "log", 0o400, 0o600],
  ] as const)(
    "and cannot be %s hides nothing, and is logged once when that is possible (R1.2, R5.2)",
    async (_, what, spoilt, mended) => {
      const workspace = openWorkspace();
      const { uid, pid, clients, ...paths } = await withDeadClient(workspace);
      const path = { clients, ...paths }[what];
      const quietSince = statSync(clients).mtime;
      chmodSync(path, spoilt);
      const shown = await call(workspace, {}, "status", "--json");
      expect(shown.exitCode).toBe(0);
      expect(shown.json()).toMatchObject({
        active: true,
        session: { uid, active_clients: 0, processes: [{ pid }] },
        problems: [expect.stringMatching(/permission denied \(EACCES\): \S*\/\.holdfast\//)],
      });
      const checked = await call(workspace, {}, "status", "--check");
      expect(checked.exitCode).toBe(0);
      const listed = await call(workspace, {}, "list", "--json");
      expect(listed.exitCode).toBe(0);
      expect(listed.json()).toMatchObject({ sessions: [{ uid, active_clients: 0 }], problems: [{}] });
      expect(workspace.events("left")).toEqual([]);
      // A failed try is no sign of life.
      expect(statSync(clients).mtime).toEqual(quietSince);
      chmodSync(path, mended);
      for (const words of [["status"], ["list"]]) expect((await call(workspace, {}, ...words)).stderr).toBe("");
      expect(workspace.events("left")).toMatchObject([{ uid, client: { name: "guest" }, reason: "gone" }]);
      expect(readdirSync(clients)).toEqual([]);
      expect((await call(workspace, {}, "stop")).exitCode).toBe(0);
    },
  );
});

describe.skipIf(asSomebody === null)(`join -- COMMAND${whyNotSomebody}`, () => {
  it("exits as the command does when it cannot be logged that it has left, and says so (R2.4)", async () => {
    const workspace = openWorkspace();
    await start(workspace, {});
    const words = ["join", "--as", "guest", "--", "sh", "-c", "echo here; read -r line; exit 9"];
    const joined = workspace.spawn([...(asSomebody ?? []), process.execPath, bin, ...words]);
    await until(() => joined.stdout() === "here\n");
    chmodSync(join(workspace.state, "holdfast.log"), 0o400);
    joined.closeInput();
    expect(await joined.ended).toMatchObject({ exitCode: 9, stderr: expect.stringContaining("(EACCES)") });
    chmodSync(join(workspace.state, "holdfast.log"), 0o600);
    expect((await call(workspace, {}, "status", "--json")).json().session).toMatchObject({ active_clients: 0 });
    expect(workspace.events("left")).toMatchObject([{ client: { name: "guest" }, reason: "gone" }]);
    expect((await call(workspace, {}, "stop")).exitCode).toBe(0);
  });
});
