import { appendFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyDisk, fillDisk } from "../support/full-disk.ts";
import { tell } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { mountedDirectory, whyNotMounted } from "../support/mounted-directory.ts";
import type { Json } from "../support/program.ts";
import { expectFree, startSession, statusOf, survivorsOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

interface SmallDisk {
  readonly workspace: Workspace;
  readonly directory: string;
  readonly state: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
}

/** A project whose state is on a small disk of its own; null where none can be mounted. */
function openSmallDisk(): SmallDisk | null {
  const directory = mountedDirectory("tmpfs", "size=256k,mode=0700");
  if (directory === null) return null;
  const state = join(directory, "state");
  return {
    workspace: openWorkspace(),
    directory,
    state,
    env: { HOLDFAST_STATE_DIR: state },
    log: join(state, "holdfast.log"),
  };
}

/** Fills the last block of a log with empty lines, which are no events: on a full disk not even one more line fits then. */
function fillLastBlock(log: string): void {
  appendFileSync(log, "\n".repeat(4096 - (statSync(log).size % 4096)));
}

/** From now on there is room in the log, and nowhere else: no more line fits into the claim. */
function leaveRoomInLog({ directory, state, log }: SmallDisk): void {
  fillLastBlock(log);
  appendFileSync(log, "\n");
  fillLastBlock(join(state, "claims/session.1"));
  fillDisk(directory);
}

const newSessions = [
  ["run", "true"],
  ["start", "next", "--", ...agent("sleeper.sh")],
  ["start", "next", "--queue", "--", ...agent("sleeper.sh")],
];

describe("when the disk is full", () => {
  it("nothing begins, everything says why, and nothing is left of it (CANNOT_CREATE 73)", async (test) => {
    const disk = openSmallDisk();
    if (disk === null) return test.skip(whyNotMounted);
    const { workspace, directory, state, env } = disk;
    await workspace.holdfast(["run", "true"], { env });
    fillDisk(directory);
    for (const words of newSessions) {
      const { exitCode, stderr } = await workspace.holdfast(words, { env });
      expect({ words, exitCode }).toEqual({ words, exitCode: 73 });
      expect(stderr).toMatch(/the disk is full \(ENOSPC\)\n +\S*\/state\/(claims|queue)\/session\.\d+\n.*df -h/);
    }
    for (const words of [["status"], ["list"], ["logs"]])
      expect(await workspace.holdfast(words, { env })).toMatchObject({ exitCode: 0 });
    await workspace.untilEmpty();
    emptyDisk(directory);
    expect(readdirSync(join(state, "claims"))).toEqual(["session.1"]);
    expect(readdirSync(join(state, "queue"))).toEqual([]);
    expect((await startSession(workspace, agent("sleeper.sh"), { env })).token).toBe(2);
  });

  it("a session goes on, keeps others out, is stopped, and its end is told as soon as there is room (R1.1, R2.1)", async (test) => {
    const disk = openSmallDisk();
    if (disk === null) return test.skip(whyNotMounted);
    const { workspace, directory, env, log } = disk;
    const { uid, pid, keeperPid } = await startSession(workspace, agent("sleeper.sh"), { env });
    fillLastBlock(log);
    fillDisk(directory);
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid, state: "active" });
    expect((await workspace.holdfast(["run", "-n", "true"], { env })).exitCode).toBe(75);
    const stopped = await workspace.holdfast(["stop", "--json"], { env });
    expect(survivorsOf([pid, keeperPid])).toEqual([]);
    expect(stopped.exitCode).toBe(74);
    expect(stopped.json().error.message).toBe(`demo has ended, but its end could not be written\n${log}`);
    expect(await endsOf(disk, uid)).toEqual([]);
    emptyDisk(directory);
    await expectFree(workspace, { env });
    expect(await endsOf(disk, uid)).toHaveLength(1);
    expect((await workspace.holdfast(["list", "--ended", "--json"], { env })).json().sessions).toMatchObject([{ uid }]);
  });

  it("an agent is not started again, and its session has one end, which says so (R1.1, R2.1)", async (test) => {
    const disk = openSmallDisk();
    if (disk === null) return test.skip(whyNotMounted);
    const { workspace, directory, env } = disk;
    const command = agent("exits-again.sh", "fifo");
    const { uid, keeperPid } = await startSession(workspace, command, { env, options: ["--restart", "always"] });
    const left = await workspace.announced("child");
    leaveRoomInLog(disk);
    await tell(join(workspace.root, "fifo"), "1");
    await until(() => !isAlive(keeperPid), { what: "its keeper has given up" });
    expect(survivorsOf([left])).toEqual([]);
    await workspace.untilEmpty();
    emptyDisk(directory);
    await expectFree(workspace, { env });
    expect(await endsOf(disk, uid)).toMatchObject([{ reason: "start_failed" }]);
  });

  it("an agent that was started again before is kept when it gets ready (R1.1)", async (test) => {
    const disk = openSmallDisk();
    if (disk === null) return test.skip(whyNotMounted);
    const { workspace, directory, env } = disk;
    workspace.write("up", "");
    const options = ["--restart", "always", "--ready-command", "test -e up"];
    const { uid, pid } = await startSession(workspace, agent("sleeper.sh"), { env, options });
    rmSync(join(workspace.root, "up"));
    process.kill(pid, "SIGKILL");
    await until(async () => (await eventsOf(disk, "restarted", uid)).length > 0, { what: "it is started again" });
    leaveRoomInLog(disk);
    workspace.write("up", "");
    await until(async () => (await eventsOf(disk, "cleaned", uid)).length > 0, { what: "its keeper has noticed" });
    const status = () => statusOf(workspace, { env });
    expect((await status()).session.state).toBe("starting");
    emptyDisk(directory);
    await until(async () => (await status()).session.state === "active", { what: "its claim says that it is ready" });
    const { session } = await status();
    expect(session).toMatchObject({ uid, restarts: 1 });
    expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
    expect(await endsOf(disk, uid)).toMatchObject([{ reason: "stopped", processes: [{ pid: session.pid }] }]);
    await expectFree(workspace, { env });
  });

  it("what a launcher has started is kept when it starts its successor (R1.1)", async (test) => {
    const disk = openSmallDisk();
    if (disk === null) return test.skip(whyNotMounted);
    const { workspace, directory, env } = disk;
    workspace.write("server.sh", succeedsItself);
    const options = ["--launcher", "--pid-file", "server.pid"];
    const { uid } = await startSession(workspace, ["sh", "-c", "mkfifo fifo; sh server.sh &"], { env, options });
    const first = await workspace.announced("agent");
    leaveRoomInLog(disk);
    await tell(join(workspace.root, "fifo"), "");
    await until(() => !isAlive(first), { what: "the first one has ended" });
    await until(async () => (await eventsOf(disk, "cleaned", uid)).length > 0, { what: "its keeper has noticed" });
    const second = await workspace.announced("agent");
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid, state: "active" });
    emptyDisk(directory);
    expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
    expect(survivorsOf([first, second])).toEqual([]);
    expect(await endsOf(disk, uid)).toMatchObject([{ reason: "stopped", processes: [{ pid: second }] }]);
    await expectFree(workspace, { env });
  });
});

/** Writes its PID down; when it is told to, it starts another one like itself, and makes way for that. */
const succeedsItself = `
echo $$ >server.pid
echo agent $$ >>"$ANNOUNCE"
[ $# -eq 0 ] || exec sleep 300
read -r _ <fifo
sh server.sh again &
until [ "$(cat server.pid)" != $$ ]; do sleep 0.01; done
`;

/** The ends of a session that `logs` tells. */
async function endsOf(disk: SmallDisk, uid: string) {
  return eventsOf(disk, "ended", uid);
}

async function eventsOf({ workspace, env }: SmallDisk, kind: string, uid: string) {
  const outcome = await workspace.holdfast(["logs", "--event", kind, "--json"], { env });
  return outcome.json().events.filter((event: Json) => event.uid === uid);
}
