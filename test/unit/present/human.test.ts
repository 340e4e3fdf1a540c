import { stripVTControlCharacters } from "node:util";
import { describe, expect, it, vi } from "vitest";
import type { WaitingNotice } from "../../../src/cli/present/presenter.ts";
import { openPaint } from "../../../src/cli/present/paint.ts";
import { displayWidth } from "../../../src/cli/present/display-width.ts";
import { capture } from "./captured-presenter.ts";
import { busy, event, holder, joined, nothing, processEntry, session, sessionStatus, status } from "./samples.ts";

const escape = "\u001B";
const clearLine = `\r${escape}[K`;
const notice: WaitingNotice = { id: "nightly", position: 2, holder, alsoHeldBy: [], waitedSeconds: 0.2 };
const waiting =
  "⏳ nightly waits · 1 ahead in line · my_test_session holds the lock for 19m 58s (dev@build1 pts/0, PID 29625) · " +
  "node engine.js · last output 2s ago";

describe("the presenter for people", () => {
  it("colours only when it is told to, or on a terminal (R0.6)", async () => {
    const shown = async (options: Parameters<typeof capture>[0]) => {
      const { presenter, stdout } = await capture(options);
      presenter.status(status);
      return stdout().includes(escape);
    };
    await expect(shown({ color: true })).resolves.toBe(true);
    await expect(shown({ color: undefined, isTTY: true })).resolves.toBe(true);
    await expect(shown({ color: undefined, isTTY: false })).resolves.toBe(false);
    await expect(shown({ color: false, isTTY: true })).resolves.toBe(false);
  });

  it("colours nothing but its own words: without colour the text is the same", async () => {
    const [plain, coloured] = await Promise.all([capture(), capture({ color: true })]);
    for (const { presenter } of [plain, coloured]) {
      presenter.status(status);
      presenter.failure(busy);
      presenter.joined(joined);
    }
    // oxlint-disable-next-line no-control-regex -- what colour is made of
    expect(coloured.transcript().replaceAll(/\u001B\[\d+m/g, "")).toBe(plain.transcript());
  });

  it("keeps results on stdout and talk on stderr, which --quiet silences", async () => {
    const { presenter, stdout, stderr } = await capture({ quiet: true });
    presenter.status(nothing);
    presenter.started({ session, token: 42, joined: false });
    presenter.note("by the way");
    presenter.waiting(notice);
    presenter.events([], false);
    expect(stderr()).toBe("");
    expect(stdout()).toContain("No active session");
    presenter.failure(busy);
    expect(stderr()).toContain("Session already active: my_test_session");
  });

  it("prints a note, however long, with its control characters escaped", async () => {
    const { presenter, stderr } = await capture();
    presenter.note(`one${escape}[1m\ntwo`);
    expect(stderr()).toBe("one\\x1b[1m\ntwo\n");
  });

  it("gives the agent's output on as it is (R3.7)", async () => {
    const { presenter, stdout } = await capture({ unicode: false });
    const place = { fromByte: 0, nextCursor: 5, skippedBytes: 0 };
    presenter.output({ session, text: `half a line … ${escape}[31m`, ...place, eof: false });
    expect(stdout()).toBe(`half a line … ${escape}[31m`);
  });

  it("says on stderr that a part of the output cannot be had, and not at all with --quiet", async () => {
    const chunk = { session, text: "the rest\n", fromByte: 52_428_800, nextCursor: 52_428_809, eof: false };
    for (const quiet of [false, true]) {
      const { presenter, stdout, stderr } = await capture({ quiet });
      presenter.output({ ...chunk, skippedBytes: 52_428_800 });
      presenter.waited({ session, end: null, nextCursor: 9, skippedBytes: 7 }, "output=x");
      expect(stdout()).toMatch(/^the rest\n✅/);
      const said = ["52.4 MB", "7 B"].map(
        (bytes) => `⚠ ${bytes} of output before this are gone: no more than max_output is kept\n`,
      );
      expect(stderr()).toBe(quiet ? "" : said.join(""));
    }
  });

  it("prints each event that comes while following (R3.7)", async () => {
    const { presenter, stdout, stderr } = await capture();
    presenter.events([], true);
    presenter.events([event({ event: "lock_restored" })], true);
    expect(stdout()).toMatch(/^\[.*\] 🔒 my_test_session {2}lock restored\n$/);
    expect(stderr()).toBe("");
  });

  it("says that there are no events (R3.7)", async () => {
    const { presenter, transcript } = await capture();
    presenter.events([], false);
    expect(transcript()).toBe("--- stdout\n--- stderr\nNo events\n");
  });

  it("lets nothing of a session, a process or another user reach the terminal (R3.5)", async () => {
    const nasty = `${escape}[2J\n\u202E`;
    const by = { user: nasty, host: nasty, pid: 1, tty: nasty, name: nasty };
    const hostile = { ...session, id: nasty, command: [nasty], cwd: nasty, by, owner: nasty, note: nasty };
    const { presenter, transcript } = await capture({ verbose: true });
    presenter.status({
      ...status,
      lockFile: `/srv/project/${nasty}`,
      sessions: [
        { ...sessionStatus, session: hostile, processes: [processEntry({ user: nasty, tty: nasty, command: nasty })] },
      ],
      operations: [{ kind: nasty, pids: [] }],
      queue: [
        {
          position: 1,
          waiter: { id: nasty, by, command: [] },
          pid: 1,
          where: "other_machine",
          host: nasty,
          since: nasty,
          waitingSeconds: 1,
        },
      ],
      pidFile: { path: `/srv/project/${nasty}`, pid: null, state: "unreadable" },
      problems: [nasty],
    });
    presenter.started({ session: hostile, token: 1, joined: false });
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    expect(transcript()).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
    expect(transcript()).toContain(String.raw`\x1b[2J\x0a\u{202e}`);
  });
});

describe("a wait", () => {
  it("is one line on a terminal, refreshed in place and taken back", async () => {
    const { presenter, stderr } = await capture({ isTTY: true, columns: 200 });
    presenter.waiting(notice);
    presenter.waiting({ ...notice, waitedSeconds: 61 });
    presenter.waitingOver();
    expect(stderr()).toBe(`${clearLine}${waiting}${clearLine}${waiting.replace("waits", "waits 1m 1s")}${clearLine}`);
    presenter.waitingOver();
    expect(stderr().endsWith(`${clearLine}${clearLine}`)).toBe(false);
  });

  it.each([true, false])("is cut to the width of the terminal (unicode: %s)", async (unicode) => {
    const { presenter, stderr } = await capture({ isTTY: true, columns: 40, unicode });
    presenter.waiting({ ...notice, id: "ночь" });
    const line = stderr().slice(clearLine.length);
    expect(displayWidth(line)).toBeLessThan(40);
    expect(displayWidth(line)).toBeGreaterThan(34);
    expect(line).toMatch(unicode ? /…$/ : /\.\.\.$/);
  });

  it("says first for whom it waits where there is little room, and that this one is ending", async () => {
    const { presenter, stderr } = await capture({ isTTY: true, columns: 40 });
    presenter.waiting({ ...notice, waitedSeconds: 200, holder: { ...holder, id: "demo" } });
    presenter.waiting({ ...notice, waitedSeconds: 201, holder: { ...holder, id: "demo", ending: true } });
    expect(stderr()).toBe(
      `${clearLine}⏳ waits 3m 20s · demo holds the loc…${clearLine}⏳ waits 3m 21s · demo is ending, an…`,
    );
  });

  it("makes room for whatever else is said", async () => {
    const { presenter, stderr } = await capture({ isTTY: true, columns: 200 });
    presenter.waiting(notice);
    presenter.note("by the way");
    expect(stderr()).toBe(`${clearLine}${waiting}${clearLine}by the way\n`);
  });

  it("is told in a log when it changes, and once a minute", async () => {
    const { presenter, stderr } = await capture();
    for (const waitedSeconds of [0, 1, 59, 60, 61, 119, 121]) presenter.waiting({ ...notice, waitedSeconds });
    expect(stderr().trimEnd().split("\n")).toHaveLength(3);
    presenter.waiting({ ...notice, position: 1, waitedSeconds: 122 });
    presenter.waiting({ ...notice, position: 1, holder: { ...holder, ending: true }, waitedSeconds: 122 });
    presenter.waiting({ ...notice, position: 1, holder: null, waitedSeconds: 123 });
    presenter.waiting({ ...notice, position: 1, holder: null, waitedSeconds: 124 });
    presenter.waitingOver();
    expect(stderr().trimEnd().split("\n").slice(3)).toEqual([
      "⏳ nightly waits 2m 2s · next in line · my_test_session holds the lock for 19m 58s (dev@build1 pts/0, PID 29625) · node engine.js · last output 2s ago",
      "⏳ nightly waits 2m 2s · next in line · my_test_session is ending, and holds the lock for 19m 58s (dev@build1 pts/0, PID 29625) · node engine.js · last output 2s ago",
      "⏳ nightly waits 2m 3s · next in line",
    ]);
    expect(stderr()).not.toContain(escape);
  });
});

describe("colour", () => {
  it("is of the text alone that is painted, whatever else comes with it, as from map", async () => {
    const stream = { isTTY: true, columns: undefined, colorDepth: 4, write: () => undefined };
    const paint = await openPaint(undefined, stream);
    for (const dye of Object.values(paint)) {
      const painted = ["one", "two"].map(dye).map((text) => stripVTControlCharacters(text));
      expect(painted).toEqual(["one", "two"]);
      expect(dye("one")).not.toBe("one");
    }
  });
});

describe("opening a presenter", () => {
  it("loads chalk only where there is colour (R0.4)", async () => {
    vi.resetModules();
    const load = vi.fn<() => { Chalk: unknown }>(() => ({ Chalk: Object }));
    vi.doMock("chalk", load);
    const { openPresenter } = await import("../../../src/cli/present/open-presenter.ts");
    const stream = { isTTY: false, columns: undefined, colorDepth: 1, write: () => undefined };
    const call = { cwd: "/", invocation: "holdfast", env: {} };
    const options = { quiet: false, verbose: false, unicode: true, stdout: stream, stderr: stream, ...call };
    await openPresenter({ ...options, json: true, color: true });
    await openPresenter({ ...options, json: false, color: false });
    await openPresenter({ ...options, json: false, color: undefined });
    expect(load).not.toHaveBeenCalled();
    await openPresenter({ ...options, json: false, color: true });
    expect(load).toHaveBeenCalledOnce();
    vi.doUnmock("chalk");
  });
});
