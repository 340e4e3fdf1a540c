import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { schemaProblems } from "../support/output-schema.ts";
import type { Json } from "../support/program.ts";
import { startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type CallOptions, type Workspace } from "../support/workspace.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** The document of `stats --json`, which must be as its schema has it. */
async function statsOf(workspace: Workspace, words: readonly string[] = [], call: CallOptions = {}): Promise<Json> {
  const told = await workspace.holdfast(["stats", "--json", ...words], call);
  expect(told).toMatchObject({ exitCode: 0, stderr: "" });
  expect(schemaProblems("stats", told.json())).toEqual([]);
  return told.json();
}

/** Noon of so many days ago, where the clock on the wall shows UTC. */
function noon(daysAgo: number): Date {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() - daysAgo, 12));
}

let sessions = 0;

/** Writes the end of a session of long ago into the log, as a keeper did then. */
function logEnded(workspace: Workspace, begun: Date, seconds: number, more: Readonly<Record<string, unknown>> = {}) {
  sessions += 1;
  const ended = new Date(begun.getTime() + seconds * 1000).toISOString();
  const event = {
    time: ended,
    schema_version: 1,
    lock: "session",
    session: `s${sessions}`,
    uid: `u${sessions}`,
    token: sessions,
    event: "ended",
    ended_at: ended,
    duration_seconds: seconds,
    reason: "stopped",
    exit_code: null,
    signal: "SIGTERM",
    last_activity: ended,
    processes: [],
    ...more,
  };
  appendToLog(workspace, `${JSON.stringify(event)}\n`);
}

function appendToLog(workspace: Workspace, text: string): void {
  mkdirSync(workspace.state, { recursive: true, mode: 0o700 });
  appendFileSync(join(workspace.state, "holdfast.log"), text);
}

async function kill(...pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until(() => pids.every((pid) => !isAlive(pid)), { what: `${pids.join(" and ")} are dead` });
}

describe("stats", () => {
  it("counts sessions by the day they began on, and tells how long they lasted and how they ended (R2.5)", async () => {
    const workspace = openWorkspace();
    logEnded(workspace, noon(2), 100, { session: "slow" });
    logEnded(workspace, noon(2), 50, { reason: "exited", exit_code: 0, signal: null });
    logEnded(workspace, noon(2), 30, { reason: "exited", exit_code: 7, signal: null });
    logEnded(workspace, noon(2), 60, { reason: "exited", exit_code: null, signal: null });
    // Over midnight: of the day it began on.
    logEnded(workspace, noon(1), 13 * 3600, { session: "long", reason: "lost" });
    const { by_day: days, total, since, days: count } = await statsOf(workspace, ["--days", "3"]);
    expect([count, since]).toEqual([3, noon(2).toISOString().replace("T12", "T00")]);
    expect(days.map(({ day, sessions: of }: Json) => [day, of])).toEqual(
      [2, 1, 0].map((ago) => [noon(ago).toISOString().slice(0, 10), [0, 1, 4][ago]]),
    );
    expect(days[0]).toMatchObject({
      average_seconds: 60,
      longest: { id: "slow", seconds: 100 },
      ended: { stopped: 1, exited: 3 },
      failed: 1,
      unknown: 1,
      still_active: 0,
    });
    expect(days[2]).toMatchObject({ sessions: 0, average_seconds: null, longest: null, ended: {}, failed: 0 });
    expect(total).toMatchObject({
      sessions: 5,
      average_seconds: (240 + 13 * 3600) / 5,
      longest: { id: "long", seconds: 13 * 3600 },
      ended: { stopped: 1, exited: 3, lost: 1 },
    });
  });

  it("counts real sessions of either kind, and those that are still active (R2.5)", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "fine", "true"]);
    await workspace.holdfast(["run", "--id", "bad", "--lock", "second", "sh", "-c", "exit 3"]);
    const { uid } = await startSession(workspace);
    const told = await statsOf(workspace, ["--days", "1"]);
    expect(told).toMatchObject({ active: 1, orphaned: 0, max_orphans: null, too_many_orphans: false });
    expect(told.live).toMatchObject([{ id: "demo", uid, lock: "session", state: "active" }]);
    expect(told.total).toMatchObject({ sessions: 3, still_active: 1, ended: { exited: 2 }, failed: 1 });
    expect((await statsOf(workspace, ["--lock", "second"])).total).toMatchObject({ sessions: 1, failed: 1 });
    await workspace.holdfast(["stop"]);
    expect(await statsOf(workspace)).toMatchObject({ active: 0, live: [], total: { still_active: 0, sessions: 3 } });
  });

  it("leaves out what began before the first day, and finds the first day's end however late it is (R2.5)", async () => {
    const workspace = openWorkspace();
    logEnded(workspace, noon(4), 10);
    logEnded(workspace, noon(3), 3 * dayMs * 0.001 - 3600, { session: "long" });
    logEnded(workspace, noon(1), 10);
    expect((await statsOf(workspace, ["--days", "3"])).total).toMatchObject({ sessions: 1 });
    expect((await statsOf(workspace, ["--days", "4"])).total).toMatchObject({ sessions: 2, longest: { id: "long" } });
    expect((await statsOf(workspace, ["--days", "3660"])).total).toMatchObject({ sessions: 3 });
  });

  it("goes by the days of the clock on the wall", async () => {
    const workspace = openWorkspace();
    // Half past eleven at night in UTC is the next day in India.
    logEnded(workspace, new Date(noon(3).getTime() + 11.5 * 60 * minuteMs), 10);
    const dayOf = async (zone: string) => {
      const { by_day: days } = await statsOf(workspace, ["--days", "5"], { env: { TZ: zone } });
      return days.find(({ sessions: of }: Json) => of > 0).day;
    };
    expect(await dayOf("UTC")).toBe(noon(3).toISOString().slice(0, 10));
    expect(await dayOf("Asia/Kolkata")).toBe(noon(2).toISOString().slice(0, 10));
  });

  it("passes over what is no event of its own, and counts what a newer holdfast wrote (R3.7)", async () => {
    const workspace = openWorkspace();
    logEnded(workspace, noon(1), 10, { reason: "abducted", schema_version: 7 });
    appendToLog(workspace, 'garbage "event":"ended"\n{"event":"ended"}\n\n');
    logEnded(workspace, noon(1), 10, { duration_seconds: "ten" });
    logEnded(workspace, noon(1), 20);
    appendToLog(workspace, '{"time":"2025-01-01T00:00:00.000Z","event":"ended"');
    expect((await statsOf(workspace)).total).toMatchObject({ sessions: 2, ended: { abducted: 1, stopped: 1 } });
    const { stdout } = await workspace.holdfast(["stats"]);
    expect(stdout).toMatch(/^total +2 +- +15s +20s +- +1 stopped, 1 abducted$/m);
  });

  it("--max-orphans: exit 1 and a word about it when there are more; a dead session is no orphan (R2.5, R2.3)", async () => {
    const workspace = openWorkspace();
    expect(await workspace.holdfast(["stats", "--max-orphans", "0"])).toMatchObject({ exitCode: 0, stderr: "" });
    const dead = await startSession(workspace);
    const orphan = await startSession(workspace, agent("sleeper.sh"), { id: "old", options: ["--lock", "second"] });
    await kill(dead.keeperPid, dead.pid, orphan.keeperPid);
    const alarmed = await workspace.holdfast(["stats", "--max-orphans", "0"]);
    expect(alarmed).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("1 orphan, more than --max-orphans 0 allows"),
      stderr: expect.stringContaining("holdfast cleanup --orphans"),
    });
    const told = await workspace.holdfast(["stats", "--json", "--max-orphans", "0"]);
    expect(told.exitCode).toBe(1);
    expect(told.json()).toMatchObject({ ok: true, active: 0, orphaned: 1, max_orphans: 0, too_many_orphans: true });
    expect(told.json().live).toMatchObject([{ id: "old", state: "orphaned" }]);
    expect(schemaProblems("stats", told.json())).toEqual([]);
    expect((await workspace.holdfast(["stats", "--max-orphans", "1"])).exitCode).toBe(0);
    expect(isAlive(orphan.pid)).toBe(true);
    // `status` leaves it alone, and that is logged.
    await workspace.holdfast(["status", "--lock", "second"]);
    expect((await statsOf(workspace)).total).toMatchObject({ orphaned: 1, ended: { lost: 1 } });
  });

  it("makes nothing where nothing is, and refuses what it does not understand", async () => {
    const workspace = openWorkspace();
    expect((await statsOf(workspace)).by_day).toHaveLength(7);
    expect(workspace.sessionDirectories()).toEqual([]);
    expect(workspace.read(".holdfast/.gitignore")).toBe("");
    for (const [words, problem] of [
      [["--days", "0"], "--days: expected a number from 1 to 3660, got 0"],
      [["--days", "soon"], "--days: expected a number"],
      [["--max-orphans", "-1"], "--max-orphans: expected a number"],
    ] as const) {
      const refused = await workspace.holdfast(["stats", ...words]);
      expect(refused).toMatchObject({ exitCode: 64, stdout: "", stderr: expect.stringContaining(problem) });
    }
  });
});
