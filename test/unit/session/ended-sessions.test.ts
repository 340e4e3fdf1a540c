import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../../src/failure.ts";
import { homeAt, type Home } from "../../../src/home/locate.ts";
import { endedSessions, type EndedQuery } from "../../../src/session/ended-sessions.ts";
import type { SessionEnd } from "../../../src/session/session-end.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { end, session } from "../present/samples.ts";

const begun = Date.parse("2025-06-29T10:00:00.000Z");
const minute = 60_000;

interface Forged {
  readonly id: string;
  /** When it ended, and when that was written; both in minutes. */
  readonly endedAt: number;
  readonly writtenAt?: number;
  readonly lock?: string;
  readonly end?: Partial<SessionEnd>;
  /** False: nobody can read its record. */
  readonly readable?: boolean;
}

/** A state directory in which these sessions have ended. Their uids are made in the order given. */
function remembering(...sessions: readonly Forged[]): Home {
  const root = temporaryDirectory();
  const home = homeAt(root, join(root, ".holdfast"));
  for (const [index, forged] of sessions.entries()) {
    const { id, endedAt, writtenAt = endedAt, lock, readable = true } = forged;
    const uid = `01jyx3kq0zabcdefghjkmnp${String(index).padStart(3, "0")}`;
    const record = join(home.sessionDir(uid), "record.json");
    mkdirSync(readable ? home.sessionDir(uid) : record, { recursive: true });
    const ended = { ...end, ended_at: new Date(begun + endedAt * minute).toISOString(), ...forged.end };
    const content = { schema_version: 1, lock, session: { ...session, id, uid, phase: "ended" }, end: ended };
    if (readable) writeFileSync(record, JSON.stringify(content));
    const written = new Date(begun + writtenAt * minute);
    utimesSync(record, written, written);
  }
  return home;
}

const find = (home: Home, query: Partial<EndedQuery> = {}) =>
  endedSessions(home, { count: 20, lock: null, ...query }).map((record) => record.session.id);

describe("endedSessions", () => {
  it("gives the newest end first, whenever the sessions began and their ends were written (R2.3)", () => {
    const home = remembering(
      { id: "long", endedAt: 50 },
      { id: "short", endedAt: 10 },
      { id: "lost", endedAt: 20, writtenAt: 60 },
      { id: "last", endedAt: 55 },
    );
    expect(find(home)).toEqual(["last", "long", "lost", "short"]);
    expect(find(home, { count: 3 })).toEqual(["last", "long", "lost"]);
    expect(find(home, { count: 1 })).toEqual(["last"]);
    expect(find(home, { count: 0 })).toEqual([]);
  });

  it("gives only what ended since then, however late that was written (R1.4)", () => {
    const home = remembering(
      { id: "before", endedAt: 29 },
      { id: "since", endedAt: 30 },
      { id: "noticed-since", endedAt: 5, writtenAt: 40 },
    );
    expect(find(home, { sinceMs: begun + 30 * minute })).toEqual(["since"]);
  });

  it("opens no record that cannot be among the newest", () => {
    const home = remembering(
      { id: "unread", endedAt: 10, readable: false },
      { id: "old", endedAt: 30 },
      { id: "new", endedAt: 40 },
    );
    expect(find(home, { count: 2 })).toEqual(["new", "old"]);
    expect(find(home, { sinceMs: begun + 20 * minute })).toEqual(["new", "old"]);
    expect(() => find(home, { count: 3 })).toThrow("cannot be trusted: it is not a file");
  });

  it("gives those of one lock, and those that do not say which one theirs is only with those of all", () => {
    const home = remembering(
      { id: "silent", endedAt: 1 },
      { id: "a", endedAt: 2, lock: "a" },
      { id: "b", endedAt: 3, lock: "b" },
    );
    expect(find(home)).toEqual(["b", "a", "silent"]);
    expect(find(home, { lock: "a", count: 1 })).toEqual(["a"]);
    expect(find(home, { lock: "c" })).toEqual([]);
  });

  it("passes over what is no record, tells of it, and puts a time that cannot be read last", () => {
    const home = remembering(
      { id: "fine", endedAt: 1 },
      { id: "timeless", endedAt: 9, end: { ended_at: "yesterday" } },
      { id: "../not an id", endedAt: 2 },
      { id: "a-directory", endedAt: 3, readable: false },
    );
    mkdirSync(join(home.sessions, "01jyx3kq0zalive"));
    mkdirSync(join(home.sessions, "not-a-uid"));
    const told: Failure[] = [];
    expect(find(home, { onUnreadable: (failure) => told.push(failure) })).toEqual(["fine", "timeless"]);
    expect(told.map(({ code, facts }) => [code, basename(dirname(String(facts["path"])))])).toEqual([
      ["NOT_PERMITTED", "01jyx3kq0zabcdefghjkmnp003"],
      ["DATA", "01jyx3kq0zabcdefghjkmnp002"],
    ]);
    expect(find(homeAt("/nowhere", "/nowhere/.holdfast"))).toEqual([]);
  });

  it("takes no record that speaks for another session than the one it lies with", () => {
    const home = remembering({ id: "copied", endedAt: 1 });
    const copy = join(home.sessions, "01jyx3kq0zother");
    mkdirSync(copy);
    const uid = "01jyx3kq0zabcdefghjkmnp000";
    writeFileSync(
      join(copy, "record.json"),
      JSON.stringify({ schema_version: 1, session: { ...session, uid, phase: "ended" }, end }),
    );
    const told: Failure[] = [];
    expect(find(home, { onUnreadable: (failure) => told.push(failure) })).toEqual(["copied"]);
    expect(told).toMatchObject([{ code: "DATA", message: expect.stringContaining(`that of another session, ${uid}`) }]);
  });
});
