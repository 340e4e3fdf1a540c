import { chmodSync, existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { schemaProblems } from "../support/output-schema.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, survivorsOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

async function kill(...pids: number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until(() => !pids.some((pid) => isAlive(pid)));
}

/** A `watch` that looks often, once it has begun. */
async function startWatch(workspace: Workspace, ...options: string[]) {
  const watch = workspace.spawnHoldfast(["watch", "--interval", "200ms", ...options]);
  await until(() => watch.stderr().includes("watching"));
  return watch;
}

/** A claim that nobody can read, above all others. */
function damage(workspace: Workspace, lock: string): void {
  workspace.write(`.holdfast/claims/${lock}.999`, "garbage\n");
}

describe("watch --once", () => {
  it("finds nothing where nothing is, and makes nothing (R4.4)", async () => {
    const workspace = openWorkspace();
    const swept = await workspace.holdfast(["watch", "--once", "--json"]);
    expect(swept).toMatchObject({ exitCode: 0, stderr: "" });
    expect(swept.json()).toMatchObject({ count: 0, failed: 0, actions: [] });
    expect(existsSync(workspace.state)).toBe(false);
  });

  it("ends an orphan without any setting, in every lock of the directory, and logs it (R2.3, R4.4, R4.7)", async () => {
    const workspace = openWorkspace();
    const first = await startSession(workspace);
    const second = await startSession(workspace, agent("sleeper.sh"), { id: "other", options: ["--lock", "second"] });
    const healthy = await startSession(workspace, agent("sleeper.sh"), { options: ["--lock", "third"] });
    await kill(first.keeperPid, second.keeperPid);
    const swept = await workspace.holdfast(["watch", "--once", "--json"]);
    expect(swept.exitCode).toBe(0);
    expect(schemaProblems("watch", swept.json())).toEqual([]);
    expect(swept.json().actions).toMatchObject([
      { what: "orphan", name: "other", pid: second.pid, result: "ended" },
      { what: "orphan", name: "demo", pid: first.pid, result: "ended" },
    ]);
    expect(survivorsOf([first.pid, second.pid, healthy.pid])).toEqual([healthy.pid]);
    expect([endOf(workspace, first.uid).reason, endOf(workspace, second.uid).reason]).toEqual(["lost", "lost"]);
    expect(
      workspace
        .events("cleaned")
        .map(({ what, lock }) => `${lock}: ${what}`)
        .toSorted(),
    ).toEqual(["second: orphan other", "session: orphan demo"]);
    expect((await workspace.holdfast(["watch", "--once", "--json"])).json().actions).toEqual([]);
  });

  it("sweeps only the lock that is named", async () => {
    const workspace = openWorkspace();
    const main = await startSession(workspace);
    const second = await startSession(workspace, agent("sleeper.sh"), { options: ["--lock", "second"] });
    await kill(main.keeperPid, second.keeperPid);
    await workspace.holdfast(["watch", "--once", "--lock", "second"]);
    expect(survivorsOf([main.pid, second.pid])).toEqual([main.pid]);
  });

  it("leaves orphans alone with --no-reap, and names them each time (R2.3)", async () => {
    const workspace = openWorkspace();
    const { pid, keeperPid } = await startSession(workspace);
    await kill(keeperPid);
    for (const _ of [1, 2]) {
      const swept = await workspace.holdfast(["watch", "--once", "--no-reap", "--json"]);
      expect(swept.exitCode).toBe(0);
      expect(swept.json()).toMatchObject({ count: 0, actions: [{ what: "orphan", pid, result: "named" }] });
    }
    expect(isAlive(pid)).toBe(true);
    expect(workspace.events("orphaned")).toHaveLength(1);
  });

  it("closes a session of which nothing lives, with its last sign of life, and says so (R2.3)", async () => {
    const workspace = openWorkspace();
    const { pid, keeperPid, uid } = await startSession(workspace);
    await kill(keeperPid, pid);
    const sweeps = await Promise.all([1, 2, 3].map(() => workspace.holdfast(["watch", "--once", "--json"])));
    expect(sweeps.flatMap((swept) => swept.json().actions)).toMatchObject([
      { what: "session", name: "demo", result: "ended" },
    ]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lost", processes: [] });
    await expectFree(workspace);
  });

  it("forgets what retention says, and leaves the active session (R1.4)", async () => {
    const workspace = openWorkspace();
    const old = await startSession(workspace, agent("sleeper.sh"), { id: "old" });
    await workspace.holdfast(["stop"]);
    const active = await startSession(workspace);
    await until(() => workspace.keepers().length === 1);
    workspace.configure({ retention: { output: "1ms" } });
    const swept = await workspace.holdfast(["watch", "--once", "--json"]);
    expect(swept.json().actions).toMatchObject([{ what: "ended_session", name: old.id, result: "removed" }]);
    expect(workspace.sessionDirectories()).toEqual([active.uid]);
  });

  it("takes the other steps, and the other locks, when one fails; then exits 1 (R2.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "old" });
    await workspace.holdfast(["stop"]);
    const orphan = await startSession(workspace, agent("sleeper.sh"), { options: ["--lock", "second"] });
    await kill(orphan.keeperPid);
    damage(workspace, "session");
    workspace.configure({ retention: { output: "1ms" } });
    const swept = await workspace.holdfast(["watch", "--once", "--json"]);
    expect(swept.exitCode).toBe(1);
    const { failed, actions } = swept.json();
    expect(failed).toBe(1);
    const results = actions.map(({ what, result }: Record<string, string>) => `${what} ${result}`);
    expect(new Set(results)).toEqual(new Set(["ended_session removed", "lock failed", "orphan ended"]));
    expect(isAlive(orphan.pid)).toBe(false);
    expect(workspace.events("cleaned")).toEqual(
      expect.arrayContaining([expect.objectContaining({ what: "lock session", result: "failed" })]),
    );
  });

  it("fails as other commands do where the state directory cannot be trusted", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    chmodSync(workspace.state, 0o777);
    expect((await workspace.holdfast(["watch", "--once", "--json"])).json().error.code).toBe("NOT_PERMITTED");
    chmodSync(workspace.state, 0o700);
  });

  it.each(["0", "25d", "soon"])("refuses --interval %s", async (interval) => {
    const workspace = openWorkspace();
    expect((await workspace.holdfast(["watch", "--interval", interval])).exitCode).toBe(64);
  });
});

describe("watch", () => {
  it("looks every 60 seconds, if nothing else is said (R4.4)", async () => {
    const workspace = openWorkspace();
    const watch = workspace.spawnHoldfast(["watch"]);
    await until(() => watch.stderr() !== "");
    expect(watch.stderr()).toBe(`watching ${workspace.state} every 60s\n`);
    watch.signal("SIGTERM");
    expect((await watch.ended).exitCode).toBe(0);
  });

  it("waits for a state directory, then says each thing once, when it happens (R4.4)", async () => {
    const workspace = openWorkspace();
    const watch = await startWatch(workspace);
    expect(existsSync(workspace.state)).toBe(false);
    for (const id of ["one", "two"]) {
      const { keeperPid, pid } = await startSession(workspace, agent("sleeper.sh"), { id });
      await kill(keeperPid);
      await until(() => watch.stdout().includes(`orphan  ${id}  PID ${pid}  ended`));
    }
    watch.signal("SIGTERM");
    const { exitCode, stdout, stderr } = await watch.ended;
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line).toMatch(/^\[\d{4}-\d\d-\d\d [\d:]{8}\] 🧹 orphan .* its keeper is dead: \d process(es)? ended$/);
    }
    expect(stderr).toBe(`watching ${workspace.state} every 0.2s\n`);
    await expectFree(workspace);
  });

  it.each(pulsesHere)("gives programs one document an action, and ends with 0 at SIGINT (R4.4; %s)", async (pulse) => {
    const workspace = openWorkspace();
    workspace.configure({ pulse });
    const { keeperPid, pid } = await startSession(workspace);
    const watch = await startWatch(workspace, "--json", "--no-reap");
    await kill(keeperPid);
    await until(() => watch.stdout().includes("named"));
    await kill(pid);
    await until(() => watch.stdout().includes('"ended"'));
    watch.signal("SIGINT");
    const ended = await watch.ended;
    expect(ended.exitCode).toBe(0);
    const documents = ended.jsonLines();
    expect(documents.flatMap((document) => schemaProblems("watch", document))).toEqual([]);
    expect(documents.map(({ action }) => `${action.what} ${action.result}`)).toEqual(["orphan named", "session ended"]);
    expect(schemaProblems("progress", JSON.parse(ended.stderr))).toEqual([]);
  });

  it("goes on after a sweep that was not possible, and after one that failed, and says each once (R2.4)", async () => {
    const workspace = openWorkspace();
    const { keeperPid, pid } = await startSession(workspace, agent("sleeper.sh"), { options: ["--lock", "second"] });
    const watch = await startWatch(workspace);
    chmodSync(workspace.state, 0o777);
    await until(() => watch.stderr().includes("cannot be trusted"));
    damage(workspace, "session");
    chmodSync(workspace.state, 0o700);
    await until(() => watch.stdout().includes("lock  session  failed"));
    await kill(keeperPid);
    await until(() => watch.stdout().includes("orphan  demo"));
    expect(isAlive(pid)).toBe(false);
    watch.signal("SIGTERM");
    const { exitCode, stdout, stderr } = await watch.ended;
    expect(exitCode).toBe(0);
    expect(stdout.match(/failed/g)).toHaveLength(1);
    expect(stderr.match(/cannot be trusted/g)).toHaveLength(1);
    expect(workspace.events("cleaned").filter(({ result }) => result === "failed")).toHaveLength(1);
  });

  it("finishes what it is doing when it is told to end (R4.4)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("reports-signals.sh"), { options: ["--kill-after", "1s"] });
    await workspace.announced("agent");
    await kill(lost.keeperPid);
    const watch = await startWatch(workspace);
    await until(() => workspace.agentOutput(lost.uid).includes("got TERM"));
    watch.signal("SIGTERM");
    const { exitCode, stdout } = await watch.ended;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("ended");
    expect(isAlive(lost.pid)).toBe(false);
    expect(endOf(workspace, lost.uid)).toMatchObject({ reason: "lost" });
  });

  it("is harmless beside another one: every end is written once (R2.1)", async () => {
    const workspace = openWorkspace();
    const watches = await Promise.all([startWatch(workspace), startWatch(workspace)]);
    const uids = [];
    for (const id of ["one", "two", "three"]) {
      const { keeperPid, pid, uid } = await startSession(workspace, agent("sleeper.sh"), { id });
      await kill(keeperPid);
      await until(() => !isAlive(pid) && workspace.events("ended").some((event) => event["uid"] === uid));
      uids.push(uid);
    }
    for (const watch of watches) watch.signal("SIGTERM");
    expect((await Promise.all(watches.map(({ ended }) => ended))).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    for (const uid of uids) endOf(workspace, uid);
    expect(workspace.events("cleaned").filter(({ result }) => result === "failed")).toEqual([]);
  });

  it("ends when nobody reads what it says any more, and takes that for no failure of a clean-up", async () => {
    const workspace = openWorkspace();
    const script = '{ "$0" "$1" watch --interval 200ms; echo $? >code; } | true';
    const piped = workspace.spawn(["sh", "-c", script, process.execPath, bin]);
    await until(() => piped.stderr().includes("watching"));
    const { keeperPid } = await startSession(workspace);
    await kill(keeperPid);
    expect(await until(() => workspace.read("code") || null)).toBe("141\n");
    expect(workspace.events("cleaned")).toMatchObject([{ what: "orphan demo", result: "ended" }]);
  });
});
