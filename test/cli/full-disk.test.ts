import { appendFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyDisk, fillDisk } from "../support/full-disk.ts";
import { mountedDirectory, whyNotMounted } from "../support/mounted-directory.ts";
import type { Json } from "../support/program.ts";
import { expectFree, startSession, statusOf, survivorsOf } from "../support/sessions.ts";
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
});

/** The ends of a session that `logs` tells. */
async function endsOf({ workspace, env }: SmallDisk, uid: string) {
  const outcome = await workspace.holdfast(["logs", "--event", "ended", "--json"], { env });
  return outcome.json().events.filter((event: Json) => event.uid === uid);
}
