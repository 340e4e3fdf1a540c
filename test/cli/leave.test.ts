import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Json } from "../support/program.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

/** Starts the session `demo` with two clients, `one` and `two`, and returns their PIDs. */
async function sessionWithClients(workspace: Workspace): Promise<readonly [number, number]> {
  await startSession(workspace);
  const pids = [workspace.spawn(["sleep", "300"]).pid, workspace.spawn(["sleep", "300"]).pid] as const;
  await workspace.holdfast(["join", "--pid", String(pids[0]), "--as", "one"]);
  await workspace.holdfast(["join", "--pid", String(pids[1]), "--as", "two"]);
  return pids;
}

async function namesOf(workspace: Workspace): Promise<readonly string[]> {
  return (await statusOf(workspace)).session.clients.map(({ name }: { name: string }) => name);
}

/** Registers a client that has the PID of another one, in another PID namespace; it was there first. */
function registerElsewhere(workspace: Workspace, like: string, name: string): void {
  const [session = ""] = workspace.sessionDirectories();
  const clients = join(workspace.state, "sessions", session, "clients");
  const registered: Json[] = readdirSync(clients).map((file) => JSON.parse(readFileSync(join(clients, file), "utf8")));
  const model = registered.find((client) => client.name === like);
  const uid = `${model.uid.slice(0, -name.length)}${name}`;
  const changed = { uid, name, joined_at: new Date(0).toISOString(), process: { ...model.process, pid_ns: "pid:[1]" } };
  writeFileSync(join(clients, `${uid}.json`), `${JSON.stringify({ ...model, ...changed })}\n`, { mode: 0o600 });
}

describe("leave", () => {
  it("ends the registration of a PID, and is logged (R5.2)", async () => {
    const workspace = openWorkspace();
    const [one] = await sessionWithClients(workspace);
    const left = await workspace.holdfast(["leave", "--pid", String(one)]);
    expect(left).toMatchObject({ exitCode: 0, stdout: `👋 one (PID ${one}) left the session\n`, stderr: "" });
    expect(await namesOf(workspace)).toEqual(["two"]);
    expect(workspace.events("left")).toMatchObject([
      { session: "demo", client: { name: "one", pid: one }, reason: "left" },
    ]);
  });

  it("of a PID leaves clients alone that have it in another PID namespace, which leave by their name (R5.2)", async () => {
    const workspace = openWorkspace();
    const [one] = await sessionWithClients(workspace);
    registerElsewhere(workspace, "one", "container");
    expect(await namesOf(workspace)).toEqual(["container", "one", "two"]);
    for (const left of [["one"], []]) {
      const leaving = await workspace.holdfast(["leave", "--pid", String(one), "--json"]);
      expect(leaving.json().left.map(({ name }: { name: string }) => name)).toEqual(left);
    }
    expect(await namesOf(workspace)).toEqual(["container", "two"]);
    expect((await workspace.holdfast(["leave", "--as", "container", "--json"])).json()).toMatchObject({ count: 1 });
    expect(await namesOf(workspace)).toEqual(["two"]);
  });

  it("ends the registration of a name, in the session that is named (R5.2)", async () => {
    const workspace = openWorkspace();
    const [, two] = await sessionWithClients(workspace);
    const left = await workspace.holdfast(["leave", "demo", "--as", "two", "--json"]);
    expect(left.json()).toMatchObject({ ok: true, session: "demo", count: 1, left: [{ name: "two", pid: two }] });
    expect(await namesOf(workspace)).toEqual(["one"]);
  });

  it("ends the registration of the process that called it", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const holdfast = [process.execPath, join(import.meta.dirname, "../../bin/holdfast.js")];
    const script = '"$0" "$1" join -q >&2 && "$0" "$1" status --json && "$0" "$1" leave --json';
    const called = await workspace.spawn(["sh", "-c", script, ...holdfast], { input: "" }).ended;
    const [between, left] = called.jsonLines();
    expect(between.session).toMatchObject({ active_clients: 1 });
    expect(left).toMatchObject({ ok: true, count: 1, left: [{ pid: between.session.clients[0].pid }] });
    expect(await namesOf(workspace)).toEqual([]);
  });

  it("is no failure when nobody of that name is registered, and says so", async () => {
    const workspace = openWorkspace();
    await sessionWithClients(workspace);
    const human = await workspace.holdfast(["leave", "--as", "three"]);
    expect(human).toMatchObject({ exitCode: 0, stdout: "Nobody left the session: no such client is registered\n" });
    expect((await workspace.holdfast(["leave", "--as", "three", "--json"])).json()).toMatchObject({
      count: 0,
      left: [],
    });
    expect(await namesOf(workspace)).toEqual(["one", "two"]);
    expect(workspace.events("left")).toEqual([]);
  });

  it("twice ends one registration once, also at the same moment", async () => {
    const workspace = openWorkspace();
    await sessionWithClients(workspace);
    const both = await Promise.all([1, 2].map(() => workspace.holdfast(["leave", "--as", "one", "--json"])));
    const counts = both.map((each): number => each.json().count);
    expect(counts.reduce((sum, count) => sum + count)).toBe(1);
    expect(workspace.events("left")).toHaveLength(1);
  });

  it.each([
    [["leave"], "NO_SESSION", "No active session"],
    [["leave", "demo"], "NO_SESSION", "No active session: demo is not running"],
  ])("is refused where no session is active: %j (66)", async (words, code, message) => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast([...words, "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error.code).toBe(code);
    expect(refused.json().error.message.split("\n")[0]).toBe(message);
  });

  it("is refused for another session than the active one (66, R3.4)", async () => {
    const workspace = openWorkspace();
    await sessionWithClients(workspace);
    const refused = await workspace.holdfast(["leave", "other", "--as", "one", "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error).toMatchObject({ code: "SESSION_MISMATCH", expected: "other", found: "demo" });
    expect(await namesOf(workspace)).toEqual(["one", "two"]);
  });
});
