import { createHash } from "node:crypto";
import { lstatSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import {
  pathsIn,
  releasedEvents,
  releasedRecords,
  releasedVersions,
  unpackRelease,
} from "../support/released-state.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const patient = { timeout: 120_000 };

function open(version: string): Workspace {
  const workspace = openWorkspace();
  unpackRelease(workspace, version);
  return workspace;
}

describe.each(releasedVersions)("the files that %s has written", (version) => {
  it("tell of every session that has ended, how, and in which words it is listed (R1.4, R2.1)", async () => {
    const workspace = open(version);
    const listed = (await workspace.holdfast(["list", "--ended", "-n", "100", "--json"])).json().sessions;
    const known = releasedRecords(version).map(({ session, end }) => ({
      id: session.id,
      uid: session.uid,
      command: session.command,
      note: session.note,
      end: { reason: end.reason, exit_code: end.exit_code, signal: end.signal, ended_at: end.ended_at },
    }));
    expect(known.length).toBeGreaterThan(3);
    // Two were lost, and are closed on the way.
    expect(listed).toHaveLength(known.length + 2);
    for (const each of known)
      expect(listed).toContainEqual(expect.objectContaining({ ...each, end: expect.objectContaining(each.end) }));
    const { exitCode } = await workspace.holdfast(["wait", "built"]);
    expect(exitCode).toBe(known.find(({ id }) => id === "built")?.end.exit_code);
  }, 60_000);

  it("are read to the last line of the log, and of the output (R3.7)", async () => {
    const workspace = open(version);
    const shown = await workspace.holdfast(["logs", "-n", "1000", "--json"]);
    const mine = releasedEvents(version).filter(({ lock }) => lock === "session");
    expect(mine.length).toBeGreaterThan(10);
    expect(shown.json().events).toHaveLength(mine.length);
    for (const [index, { event, time, session }] of mine.entries()) {
      expect(shown.json().events[index]).toMatchObject({ event, time, ...(session === undefined ? {} : { session }) });
    }
    const output = await workspace.holdfast(["logs", "-o", "--session", "served"]);
    expect(output.stdout).toBe("ready\n");
  });

  it(
    "leave the lock to the next one, the lost sessions closed once each, and tokens rise (R2.1, R2.3)",
    patient,
    async () => {
      const workspace = open(version);
      for (const lock of ["session", "nightly"]) {
        const claimed = releasedEvents(version).filter((event) => event.event === "claimed" && event.lock === lock);
        const lost = claimed.at(-1);
        const started = await startSession(workspace, agent("sleeper.sh"), { options: ["--lock", lock] });
        expect(started.token).toBeGreaterThan(lost.token);
        expect(endOf(workspace, lost.uid)).toMatchObject({ reason: "lost", lock });
        const view = await statusOf(workspace, { options: ["--lock", lock] });
        expect(view).toMatchObject({ active: true, queue: [], session: { uid: started.uid }, problems: [] });
        expect((await workspace.holdfast(["stop", "--lock", lock])).exitCode).toBe(0);
      }
      await expectFree(workspace);
    },
  );

  it("are cleaned up as those of today (R1.4, R3.6)", patient, async () => {
    const workspace = open(version);
    expect((await workspace.holdfast(["cleanup"])).exitCode).toBe(0);
    const forgotten = (await workspace.holdfast(["cleanup", "--ended", "0", "--json"])).json();
    expect(forgotten.count).toBe(releasedRecords(version).length + 2);
    expect(workspace.sessionDirectories()).toEqual([]);
    await expectFree(workspace);
  });
});

/** What is in each file, and which there are. */
function fingerprint(workspace: Workspace): Readonly<Record<string, string>> {
  const files = pathsIn(workspace.state).filter((path) => lstatSync(path).isFile());
  const hash = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
  return Object.fromEntries(files.map((path) => [relative(workspace.state, path), hash(path)]));
}

/** Rewrites each file of this kind as a newer version would have written it. @returns which */
function makeNewer(workspace: Workspace, kind: RegExp): readonly string[] {
  const names = Object.keys(fingerprint(workspace)).filter((name) => kind.test(name));
  for (const name of names) {
    const text = workspace.read(join(".holdfast", name));
    writeFileSync(
      join(workspace.state, name),
      text.replaceAll('"schema_version":1', '"schema_version":9,"quantum":true'),
    );
  }
  return names;
}

const looking = [
  ["status"],
  ["status", "--check"],
  ["list"],
  ["list", "--ended"],
  ["logs"],
  ["logs", "-o"],
  ["logs", "-o", "--session", "served"],
  ["wait", "served", "--timeout", "0.1"],
  ["wait", "--timeout", "0.1"],
  ["join", "--no-follow"],
  ["leave"],
  ["watch", "--once"],
  ["cleanup", "--dry-run"],
];

const everyCommand = [
  ...looking,
  ["start", "next", "--", ...agent("sleeper.sh")],
  ...looking,
  ["run", "-n", "true"],
  ["run", "-w", "0.1", "true"],
  ["start", "waiting", "--queue", "--wait", "0.2", "--", ...agent("sleeper.sh")],
  ["run", "-n", "--slots", "2", "true"],
  ["stop"],
  ["stop", "lost", "--force"],
  ["cleanup", "--orphans"],
  ["cleanup", "--ended", "0"],
  ["cleanup"],
];

describe("files that a newer version has written", () => {
  it.each([
    ["claims", /^claims\//],
    ["tickets", /^queue\//],
    ["records", /\/record\.json$/],
  ])("(%s) are refused or passed over, named, and never touched", patient, async (_, kind) => {
    const workspace = open(releasedVersions.at(-1) ?? "");
    // Those who get in line remove what is dead in it, but for the last.
    workspace.write(".holdfast/queue/session.1", workspace.read(".holdfast/queue/session.2"));
    const newer = makeNewer(workspace, kind);
    expect(newer.length).toBeGreaterThan(1);
    const before = fingerprint(workspace);
    for (const words of everyCommand) {
      const { exitCode, stderr, stdout } = await workspace.holdfast(words);
      expect({ words, exitCode, stdout, stderr }).toMatchObject({ exitCode: expect.toSatisfy((code) => code !== 70) });
      if (exitCode === 65) expect(`${stderr}${stdout}`).toMatch(/newer holdfast \(format 9\)/);
      const after = fingerprint(workspace);
      for (const name of newer) expect({ words, name, is: after[name] }).toEqual({ words, name, is: before[name] });
    }
  });
});
