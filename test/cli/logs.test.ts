import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const by = { user: "dev", host: "build1", pid: 29_001, tty: "pts/0" };
const startMs = Date.parse("2025-06-29T10:34:03.000Z");

/** One line of the log: the n-th minute's `joined` of the session s1 or, in odd minutes, s2. */
function line(n: number, more: Readonly<Record<string, unknown>> = {}): string {
  const time = new Date(startMs + n * 60_000).toISOString();
  const client = { uid: `c${n}`, name: `client-${n}`, pid: 100 + n };
  const event = { time, schema_version: 1, event: "joined", lock: "session", session: `s${1 + (n % 2)}`, uid: "u", by };
  return `${JSON.stringify({ ...event, client, ...more })}\n`;
}

function writeLog(workspace: Workspace, text: string): string {
  mkdirSync(workspace.state, { mode: 0o700, recursive: true });
  const path = join(workspace.state, "holdfast.log");
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join("");
}

/** The numbers of the events that a call shows. */
async function shown(workspace: Workspace, ...words: string[]): Promise<readonly number[]> {
  const { events } = (await workspace.holdfast(["logs", "--json", ...words])).json();
  return events.map(({ client }: { client: { pid: number } }) => client.pid - 100);
}

describe("logs", () => {
  it("shows the last 20 events with their times, oldest first (R3.7)", async () => {
    const workspace = openWorkspace();
    writeLog(workspace, lines(1, 25));
    const { exitCode, stdout, stderr } = await workspace.holdfast(["logs"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const said = stdout.trimEnd().split("\n");
    expect(said).toHaveLength(20);
    expect(said[0]).toBe("[2025-06-29 10:40:03] 🤝 s1  joined by client-6 (PID 106)");
    expect(said.at(-1)).toBe("[2025-06-29 10:59:03] 🤝 s2  joined by client-25 (PID 125)");
    expect(await shown(workspace)).toEqual(Array.from({ length: 20 }, (_, index) => 6 + index));
  });

  it("says nothing with -n 0: there are some", async () => {
    const workspace = openWorkspace();
    writeLog(workspace, lines(1, 2));
    expect(await workspace.holdfast(["logs", "-n", "0"])).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    expect((await workspace.holdfast(["logs", "--event", "ended"])).stderr).toBe("No events\n");
  });

  it.each([
    ["-n 3", [4, 5, 6]],
    ["--lines 0", []],
    ["-n 100", [1, 2, 3, 4, 5, 6]],
    ["--session s1", [2, 4, 6]],
    ["--session s2 -n 1", [5]],
    ["--session nobody", []],
    ["--event joined -n 2", [5, 6]],
    ["--event ended", []],
    ["--since 2025-06-29T10:38:03Z", [4, 5, 6]],
    ["--until 2025-06-29T10:36:03.000Z", [1, 2]],
    ["--since 2025-06-29T10:36:00Z --until 2025-06-29T12:37:30+02:00", [2, 3]],
    ["--since 2025-06-29T10:35:00Z -n 2", [5, 6]],
    ["--until 2025-06-29T10:38:30Z -n 2", [3, 4]],
    ["--since 1s", []],
    ["--since 3650d", [1, 2, 3, 4, 5, 6]],
    ["--until 1d", [1, 2, 3, 4, 5, 6]],
  ] as const)("%s shows the events %j", async (words, expected) => {
    const workspace = openWorkspace();
    writeLog(workspace, lines(1, 6));
    expect(await shown(workspace, ...words.split(" "))).toEqual(expected);
  });

  it.each([
    ["2025-06-29", "UTC", [1, 2, 3, 4, 5, 6]],
    ["2025-06-29", "Pacific/Honolulu", [2, 3, 4, 5, 6]],
    ["2025-06-30", "UTC", []],
    ["2025-06-30", "Pacific/Kiritimati", [2, 3, 4, 5, 6]],
    ["2025-06", "UTC", [1, 2, 3, 4, 5, 6]],
  ] as const)(
    "--since %s begins at midnight of the time zone of the machine, which is %s",
    async (day, zone, expected) => {
      const workspace = openWorkspace();
      writeLog(workspace, line(1, { time: "2025-06-29T09:59:59Z" }) + lines(2, 6));
      const { stdout } = await workspace.holdfast(["logs", "--json", "--since", day], { env: { TZ: zone } });
      const { events } = JSON.parse(stdout);
      expect(events.map(({ client }: { client: { pid: number } }) => client.pid - 100)).toEqual(expected);
    },
  );

  it("shows the lock it is asked for, and no other", async () => {
    const workspace = openWorkspace();
    writeLog(workspace, line(1) + line(2, { lock: "nightly" }) + line(3));
    expect(await shown(workspace)).toEqual([1, 3]);
    expect(await shown(workspace, "--lock", "nightly")).toEqual([2]);
  });

  it("has nothing to show where nothing ever happened, and leaves it so", async () => {
    const workspace = openWorkspace();
    expect(await workspace.holdfast(["logs"])).toMatchObject({ exitCode: 0, stdout: "", stderr: "No events\n" });
    expect((await workspace.holdfast(["logs", "--json"])).json()).toMatchObject({ ok: true, count: 0, events: [] });
    expect(existsSync(workspace.state)).toBe(false);
  });

  it("passes over a torn last line, which the next event seals", async () => {
    const workspace = openWorkspace();
    const path = writeLog(workspace, line(1) + line(2).slice(0, 40));
    expect(await shown(workspace)).toEqual([1]);
    await workspace.holdfast(["run", "--id", "next", "true"]);
    const { events } = (await workspace.holdfast(["logs", "--json"])).json();
    const kinds = events.map(({ event }: { event: string }) => event);
    expect(kinds).toEqual(["joined", "claimed", "started", "ended"]);
    expect(readFileSync(path, "utf8").split("\n")[1]).toBe(line(2).slice(0, 40));
  });

  it("passes over what is no event, and tells of events that only a newer holdfast knows", async () => {
    const workspace = openWorkspace();
    const newer = line(3, { schema_version: 9, event: "cloned", into: "s9" });
    writeLog(workspace, `${line(1)}\n{"half": \n\0\u0001\xff\n[1,2]\n${newer}${line(4)}`);
    const { stdout } = await workspace.holdfast(["logs"]);
    const said = stdout.trimEnd().split("\n");
    expect(said).toHaveLength(3);
    expect(said[1]).toContain("cloned (written by a newer holdfast)");
    expect(said[1]).toContain("into s9");
  });

  it("escapes what could act on a terminal", async () => {
    const workspace = openWorkspace();
    const client = { uid: "c", name: "\u001B[2J\u202Eevil\r\n", pid: 7 };
    writeLog(workspace, line(1, { client }));
    const { stdout } = await workspace.holdfast(["logs"]);
    // oxlint-disable-next-line no-control-regex -- exactly these must not come through
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(stdout.split("\n")).toHaveLength(2);
  });

  it.each([
    ["-n x"],
    ["-n -1"],
    ["--since yesterday"],
    ["--until 2025-13-45"],
    ["--since 2025-02-29"],
    ["--since 2025-06-31T10:00:00Z"],
    ["--session ../x"],
    ["extra"],
    // What would have no effect.
    ["--cursor 0"],
    ["--max-bytes 9"],
    ["--raw"],
    ["--follow --until 1h"],
    ["--output --since 1h"],
    ["--output --event ended"],
    ["--output -n 3 --cursor 0"],
    ["--output -n 3 --max-bytes 9"],
    ["--output -f --lines 3 --cursor 0"],
    ["--event strated"],
    ["--event ended,"],
  ])("refuses %s as a usage error (64)", async (words) => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["logs", "--json", ...words.split(" ")]);
    expect(refused.exitCode).toBe(64);
    expect(refused.json().error.code).toBe("USAGE");
  });

  it.each(["yesterday", "13:20"])("tells that --since %s may be a time or a duration", async (text) => {
    const refused = await openWorkspace().holdfast(["logs", "--json", "--since", text]);
    expect(refused.json().error.message).toBe(
      `--since: expected a time such as 2025-06-29T10:34:03Z, or how long ago it is, such as 30m, got ${text}`,
    );
  });
});

it("logs --event shows events of each kind that is named (R3.7)", async () => {
  const workspace = openWorkspace();
  await workspace.holdfast(["run", "--id", "demo", "--", "true"]);
  const { events } = (await workspace.holdfast(["logs", "--event", "claimed,ended", "--json"])).json();
  expect(events.map(({ event }: { event: string }) => event)).toEqual(["claimed", "ended"]);
});

describe("logs --follow", () => {
  it("shows what there is, then each event as it comes, until it is ended (R3.7)", async () => {
    const workspace = openWorkspace();
    const path = writeLog(workspace, lines(1, 3));
    const follower = workspace.spawnHoldfast(["logs", "-f", "-n", "1"]);
    await until(() => follower.stdout().includes("client-3"));
    for (const n of [4, 5]) {
      appendFileSync(path, line(n));
      await until(() => follower.stdout().includes(`client-${n} `));
    }
    follower.signal("SIGINT");
    const { stdout, stderr, exitCode, signal } = await follower.ended;
    expect(stdout.match(/client-\d/g)).toEqual(["client-3", "client-4", "client-5"]);
    expect({ stderr, ended: exitCode ?? signal }).toEqual({ stderr: "", ended: "SIGINT" });
  });

  it("gives one JSON document a line, of those events that are asked for", async () => {
    const workspace = openWorkspace();
    const path = writeLog(workspace, lines(1, 3));
    const follower = workspace.spawnHoldfast(["logs", "-f", "--json", "--session", "s1"]);
    await until(() => follower.stdout() !== "");
    appendFileSync(path, lines(4, 6));
    await until(() => follower.stdout().includes("client-6"));
    follower.signal("SIGTERM");
    const documents = (await follower.ended).jsonLines();
    expect(documents.map(({ ok, event }) => [ok, event.client.name])).toEqual([
      [true, "client-2"],
      [true, "client-4"],
      [true, "client-6"],
    ]);
  });

  it("shows once what comes while it begins", async () => {
    const workspace = openWorkspace();
    const path = writeLog(workspace, lines(1, 2));
    const preload = join(import.meta.dirname, "../fixtures/preloads/appends-when-looked-at.cjs");
    const env = { NODE_OPTIONS: `--require=${preload}`, LATE_LINE: line(3) };
    const follower = workspace.spawnHoldfast(["logs", "-f"], { env });
    await until(() => follower.stdout().includes("client-3"));
    appendFileSync(path, line(4));
    await until(() => follower.stdout().includes("client-4"));
    follower.signal("SIGINT");
    const { stdout } = await follower.ended;
    expect(stdout.match(/client-\d/g)).toEqual(["client-1", "client-2", "client-3", "client-4"]);
  });

  it("begins also where nothing has happened yet", async () => {
    const workspace = openWorkspace();
    const follower = workspace.spawnHoldfast(["logs", "--follow"]);
    await workspace.holdfast(["run", "--id", "first", "true"]);
    await until(() => follower.stdout().includes("ended by itself"));
    expect(follower.stdout().trimEnd().split("\n")).toHaveLength(3);
  });

  it("reads only what is new: not the whole of a long log again", async () => {
    const workspace = openWorkspace();
    const path = writeLog(workspace, line(1).repeat(80_000));
    const follower = workspace.spawnHoldfast(["logs", "-f", "-n", "1"]);
    await until(() => follower.stdout().includes("client-1 "));
    const readBytes = () => Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${follower.pid}/io`, "utf8"))?.[1]);
    const before = readBytes();
    appendFileSync(path, line(2));
    await until(() => follower.stdout().includes("client-2 "));
    expect(readBytes() - before).toBeLessThan(200_000);
  });
});
