import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { here } from "../../src/process/identity.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const preload = join(import.meta.dirname, "../fixtures/preloads/tells-syncs.cjs");
const log = ".holdfast/holdfast.log";

/** Two sessions that have ended, one after the other. @returns their uids */
async function endTwo(workspace: Workspace): Promise<readonly string[]> {
  for (const id of ["one", "two"]) await workspace.holdfast(["run", "--id", id, "--", "sh", "-c", "exit 3"]);
  const uids = workspace.events("ended").map(({ uid }) => String(uid));
  expect(uids).toHaveLength(2);
  return uids;
}

/** As if the machine had been booted since: its claims are of another boot. */
function reboot(workspace: Workspace): void {
  for (const name of readdirSync(join(workspace.state, "claims"))) {
    const path = join(".holdfast/claims", name);
    workspace.write(path, workspace.read(path).replaceAll(here().boot, "00000000-0000-4000-8000-000000000000"));
  }
}

/** Takes what the log has from the end of this session on: the disk had not got it when the power failed. */
function loseFrom(workspace: Workspace, uid: string): void {
  const lines = workspace.read(log).split("\n");
  const end = lines.findIndex((line) => line.includes('"ended"') && line.includes(uid));
  workspace.write(
    log,
    lines
      .slice(0, end)
      .map((line) => `${line}\n`)
      .join(""),
  );
}

function endsOf(workspace: Workspace): readonly unknown[] {
  return workspace.events("ended").map(({ uid, reason, exit_code: code }) => [uid, reason, code]);
}

describe.each(pulsesHere)("a power failure right after the lock was given back (%s pulse)", (pulse) => {
  const open = (): Workspace => {
    const workspace = openWorkspace();
    workspace.configure({ pulse });
    return workspace;
  };

  it("does not take a session's end from the log: whoever looks first writes it, once (R2.3)", async () => {
    const workspace = open();
    const [one, two] = await endTwo(workspace);
    loseFrom(workspace, String(two));
    workspace.write(join(".holdfast/sessions", String(two), "record.json"), "");
    reboot(workspace);
    await workspace.holdfast(["status"]);
    await workspace.holdfast(["status"]);
    expect(endsOf(workspace)).toEqual([
      [one, "exited", 3],
      [two, "lost", null],
    ]);
    const listed = (await workspace.holdfast(["list", "--json"])).json();
    expect(listed.sessions.map(({ id }: { id: string }) => id).toSorted()).toEqual(["one", "two"]);
  });

  it("nor that of one before it; what its record says is what is written", async () => {
    const workspace = open();
    const [one] = await endTwo(workspace);
    loseFrom(workspace, String(one));
    reboot(workspace);
    expect(await workspace.holdfast(["run", "--id", "three", "true"])).toMatchObject({ exitCode: 0 });
    const three = workspace.events("started").at(-1)?.["uid"];
    expect(endsOf(workspace)).toEqual([
      [one, "exited", 3],
      [three, "exited", 0],
    ]);
    // It comes before what begins after it.
    expect(
      workspace
        .events()
        .slice(-4)
        .map(({ event }) => event),
    ).toEqual(["ended", "claimed", "started", "ended"]);
  });

  it("is not suspected where the log has all", async () => {
    const workspace = open();
    await endTwo(workspace);
    reboot(workspace);
    const before = workspace.read(log);
    await workspace.holdfast(["status"]);
    expect(workspace.read(log)).toBe(before);
  });

  it("does not make `wait` a liar: what it says of a session that has ended is on disk", async () => {
    const workspace = open();
    await endTwo(workspace);
    const synced = join(workspace.root, "synced");
    const env = { NODE_OPTIONS: `--require ${preload}`, SYNCED: synced };
    expect((await workspace.holdfast(["wait", "one"], { env })).exitCode).toBe(3);
    expect(existsSync(synced)).toBe(true);
  });
});
