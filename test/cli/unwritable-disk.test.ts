import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyDisk, fillDisk } from "../support/full-disk.ts";
import { isAlive } from "../support/live-processes.ts";
import { mountedDirectory, readOnlyView, whyNotMounted } from "../support/mounted-directory.ts";
import type { Json } from "../support/program.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type CallOptions, type Workspace } from "../support/workspace.ts";

const patient = { timeout: 120_000 };

interface Disk {
  readonly workspace: Workspace;
  /** With the state on that disk. */
  readonly call: CallOptions;
  /** From now on nothing can be written; the calls to make then. */
  readonly spoil: () => CallOptions;
  /** Everything can be written again. */
  readonly mend: () => void;
  readonly says: string;
  readonly next: string;
}

/** With so little room that a claim does not fit when the rest is full. */
function fullDisk(): Disk | null {
  const directory = mountedDirectory("tmpfs", "size=512k,mode=0700");
  if (directory === null) return null;
  const workspace = openWorkspace();
  const call = { env: { HOLDFAST_STATE_DIR: join(directory, "state") } };
  const spoil = (): CallOptions => {
    fillDisk(directory);
    return call;
  };
  return {
    workspace,
    call,
    spoil,
    mend: () => emptyDisk(directory),
    says: "the disk is full (ENOSPC)",
    next: "df -h ",
  };
}

function readOnlyDisk(): Disk | null {
  const directory = mountedDirectory("tmpfs", "size=8m,mode=0700");
  if (directory === null) return null;
  mkdirSync(join(directory, "state"), { mode: 0o700 });
  const view = readOnlyView(directory);
  if (view === null) return null;
  const workspace = openWorkspace();
  return {
    workspace,
    call: { env: { HOLDFAST_STATE_DIR: join(directory, "state") } },
    spoil: () => ({ env: { HOLDFAST_STATE_DIR: join(view, "state") } }),
    mend: () => undefined,
    says: "the file system is read-only (EROFS)",
    next: "HOLDFAST_STATE_DIR=",
  };
}

const disks = [
  ["full", fullDisk],
  ["read-only", readOnlyDisk],
] as const;

function eventsIn({ workspace }: Disk, logs: Json, kind: string): readonly Json[] {
  expect(workspace.root).not.toBe("");
  return logs.events.filter(({ event }: { event: string }) => event === kind);
}

async function logsOf(disk: Disk): Promise<Json> {
  return (await disk.workspace.holdfast(["logs", "-n", "1000", "--json"], disk.call)).json();
}

describe.each(disks)("a session whose state is on a disk that has become %s", (_, open) => {
  it(
    "is shown, keeps the lock, and is ended by stop; the others are told why they cannot (R3.4, R2.4)",
    patient,
    async (test) => {
      const disk = open();
      if (disk === null) return test.skip(whyNotMounted);
      const { workspace } = disk;
      const { pid, uid } = await startSession(workspace, agent("family.sh"), disk.call);
      const family = [pid, await workspace.announced("child"), await workspace.announced("grandchild")];
      const call = disk.spoil();
      expect(await statusOf(workspace, call)).toMatchObject({ active: true, session: { uid, state: "active" } });
      expect((await workspace.holdfast(["list"], call)).exitCode).toBe(0);
      expect((await workspace.holdfast(["logs"], call)).exitCode).toBe(0);
      expect((await workspace.holdfast(["start", "other", "--", "true"], call)).exitCode).toBe(75);
      expect((await workspace.holdfast(["run", "-n", "true"], call)).exitCode).toBe(75);
      for (const words of [
        ["run", "--json", "--", "touch", "ran"],
        ["start", "other", "--queue", "--json", "--", "touch", "ran"],
        ["join", "--no-follow", "--json"],
        ["run", "--lock", "other", "--json", "--", "touch", "ran"],
      ]) {
        const refused = await workspace.holdfast(words, call);
        expect({ words, exitCode: refused.exitCode, error: refused.json().error }).toMatchObject({
          words,
          exitCode: 73,
          error: {
            code: "CANNOT_CREATE",
            message: expect.stringContaining(disk.says),
            path: expect.stringContaining("state/"),
          },
        });
        expect(refused.json().error.next[0]).toContain(disk.next);
      }
      const stopped = await workspace.holdfast(["stop", "--json"], call);
      // Whether there was room to write down how it ended depends on the disk.
      expect([0, 74]).toContain(stopped.exitCode);
      expect(family.filter((each) => isAlive(each))).toEqual([]);
      expect(workspace.read("ran")).toBe("");
      disk.mend();
      const next = await startSession(workspace, agent("sleeper.sh"), { ...disk.call, id: "next" });
      expect(next.token).toBeGreaterThan(1);
      expect((await workspace.holdfast(["stop"], disk.call)).exitCode).toBe(0);
      const ended = eventsIn(disk, await logsOf(disk), "ended").filter((event: Json) => event.uid === uid);
      expect(ended).toHaveLength(1);
    },
  );

  it("is shown as dead when it has died, though nobody can write that down yet (R1.2, R2.3)", patient, async (test) => {
    const disk = open();
    if (disk === null) return test.skip(whyNotMounted);
    const { workspace } = disk;
    const { pid, keeperPid, uid } = await startSession(
      workspace,
      ["sh", "-c", "echo last words; exec sleep 300"],
      disk.call,
    );
    await until(async () => (await workspace.holdfast(["logs", "-o"], disk.call)).stdout.includes("last words"));
    for (const each of [keeperPid, pid]) process.kill(each, "SIGKILL");
    await until(() => !isAlive(keeperPid) && !isAlive(pid));
    const call = disk.spoil();
    const shown = await workspace.holdfast(["status", "--json"], call);
    expect(shown.exitCode).toBe(0);
    expect(shown.json()).toMatchObject({ active: false, session: null });
    expect(shown.json().problems).toEqual([expect.stringContaining("The end of demo cannot be written down")]);
    expect(shown.json().problems[0]).toContain(disk.says);
    expect((await workspace.holdfast(["status", "--check"], call)).exitCode).toBe(3);
    expect((await workspace.holdfast(["list", "--json"], call)).json()).toMatchObject({ count: 0, problems: [{}] });
    expect((await workspace.holdfast(["logs", "-o"], call)).stdout).toBe("last words\n");
    const failed = await workspace.holdfast(["cleanup", "--json"], call);
    expect(failed.exitCode).toBe(1);
    disk.mend();
    await workspace.holdfast(["status"], disk.call);
    const ended = eventsIn(disk, await logsOf(disk), "ended");
    expect(ended).toMatchObject([{ uid, reason: "lost" }]);
  });
});
