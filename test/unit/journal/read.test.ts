import { appendFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Journal } from "../../../src/journal/journal.ts";
import { endOfLog, lastEvents, readEventsBackward } from "../../../src/journal/read.ts";
import { failureOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { anyNote, sampleEvents } from "./sample-events.ts";

/** A log of `started` events with the PIDs 1 to `count`, one a minute. */
function startedLog(count: number): string {
  const path = join(temporaryDirectory(), "holdfast.log");
  let minute = 0;
  const journal = new Journal(path, () => new Date(Date.UTC(2025, 5, 29, 10, minute)));
  for (minute = 1; minute <= count; minute += 1) journal.append({ ...sampleEvents.started, pid: minute });
  return path;
}

function pidsOf(events: Iterable<object>): unknown[] {
  return [...events].map((event) => ("pid" in event ? event.pid : event));
}

const chunkBytes = fc.integer({ min: 1, max: 300 });

describe("readEventsBackward", () => {
  it("yields the newest event first, whatever the size of a chunk (R3.7)", () => {
    const path = startedLog(5);
    fc.assert(
      fc.property(chunkBytes, (size) => {
        expect(pidsOf(readEventsBackward(path, { chunkBytes: size }))).toEqual([5, 4, 3, 2, 1]);
      }),
    );
  });

  it("yields exactly the complete lines of any torn prefix of a log", () => {
    const path = join(temporaryDirectory(), "holdfast.log");
    const journal = new Journal(path);
    const anyLog = fc.array(anyNote, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(anyLog, fc.nat(), chunkBytes, (notes, cut, size) => {
        writeFileSync(path, "");
        const ends = notes.map((note) => {
          journal.append(note);
          return statSync(path).size;
        });
        const whole = pidsOf(readEventsBackward(path)).toReversed();
        const keptBytes = cut % (statSync(path).size + 1);
        truncateSync(path, keptBytes);
        const complete = ends.filter((end) => end <= keptBytes).length;
        const read = pidsOf(readEventsBackward(path, { chunkBytes: size })).toReversed();
        expect(read).toEqual(whole.slice(0, complete));
      }),
    );
  });

  it("takes a line for torn that lacks nothing but its newline: nobody was told that it was written", () => {
    const path = startedLog(2);
    truncateSync(path, statSync(path).size - 1);
    expect(pidsOf(readEventsBackward(path))).toEqual([1]);
  });

  it("passes over garbage: binary, empty and foreign lines, and one too long to keep", () => {
    const path = startedLog(1);
    const joined = vi.spyOn(Buffer, "concat");
    onTestFinished(() => joined.mockRestore());
    appendFileSync(path, "\n\n");
    appendFileSync(path, Buffer.from([0, 0xff, 0xc3, 0x0a]));
    appendFileSync(path, '{"level":"info","msg":"not ours"}\n');
    appendFileSync(path, `{"event":"${"x".repeat(3_000_000)}\n`);
    new Journal(path).append({ ...sampleEvents.started, pid: 2 });
    expect(pidsOf(readEventsBackward(path))).toEqual([2, 1]);
    const longest = Math.max(0, ...joined.mock.results.map(({ value }) => (Buffer.isBuffer(value) ? value.length : 0)));
    expect(longest).toBeLessThan(1_200_000);
  });

  it("reads no more of a large log than it needs (R3.7)", () => {
    const path = startedLog(3);
    const tail = readFileSync(path);
    // A hole: 400 MB that take no room.
    truncateSync(path, 400_000_000);
    appendFileSync(path, Buffer.concat([Buffer.from("\n"), tail]));
    const events = readEventsBackward(path);
    const before = process.memoryUsage().arrayBuffers;
    expect(pidsOf([events.next().value, events.next().value])).toEqual([3, 2]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5_000_000);
    events.return(undefined);
  });

  it("finds no events where there is no log, and says so when there is one that it cannot read", () => {
    const directory = temporaryDirectory();
    expect([...readEventsBackward(join(directory, "holdfast.log"))]).toEqual([]);
    mkdirSync(join(directory, "holdfast.log"));
    const failure = failureOf(() => [...readEventsBackward(join(directory, "holdfast.log"))]);
    expect(failure).toMatchObject({ code: "NOT_PERMITTED", facts: { path: join(directory, "holdfast.log") } });
  });

  it("passes over none of the kinds asked for, wherever a chunk is cut", () => {
    const path = join(temporaryDirectory(), "holdfast.log");
    const journal = new Journal(path);
    const anyEvent = fc.oneof(anyNote, fc.constantFrom(sampleEvents.started, sampleEvents.ended, sampleEvents.left));
    const kinds = ["ended", "started"] as const;
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 12 }), fc.integer({ min: 1, max: 3000 }), (events, size) => {
        writeFileSync(path, "");
        for (const event of events) journal.append(event);
        const all = [...readEventsBackward(path)].filter(({ event }) => kinds.some((kind) => kind === event));
        expect([...readEventsBackward(path, { kinds, chunkBytes: size })]).toEqual(all);
      }),
    );
  });

  it("yields only the kinds asked for", () => {
    const path = startedLog(2);
    const journal = new Journal(path);
    journal.append({ ...sampleEvents.cleaned, what: 'said "started"' });
    journal.append(sampleEvents.ended);
    const kinds = (...asked: ("started" | "ended")[]): string[] =>
      [...readEventsBackward(path, { kinds: asked })].map(({ event }) => event);
    expect(kinds("ended", "started")).toEqual(["ended", "started", "started"]);
    expect(kinds("ended")).toEqual(["ended"]);
    expect(kinds()).toEqual([]);
  });
});

describe("lastEvents", () => {
  it("gives the last of them, oldest first (R3.7)", () => {
    const path = startedLog(30);
    expect(pidsOf(lastEvents(path, { count: 3 }))).toEqual([28, 29, 30]);
    expect(pidsOf(lastEvents(path, { count: 0 }))).toEqual([]);
    expect(lastEvents(path)).toHaveLength(30);
  });

  it("counts what passes the filter", () => {
    const even = lastEvents(startedLog(10), {
      count: 2,
      filter: (event) => event.event === "started" && event.pid % 2 === 0,
    });
    expect(pidsOf(even)).toEqual([8, 10]);
  });

  it("keeps to the times asked for, both included", () => {
    const path = startedLog(10);
    const since = new Date(Date.UTC(2025, 5, 29, 10, 4));
    const until = new Date(Date.UTC(2025, 5, 29, 10, 6));
    expect(pidsOf(lastEvents(path, { since, until }))).toEqual([4, 5, 6]);
    expect(pidsOf(lastEvents(path, { since, count: 2 }))).toEqual([9, 10]);
  });

  it.each([
    ["a little", Date.UTC(2025, 5, 29, 9, 50)],
    ["to its beginning", 0],
  ])("finds what the clock, set back meanwhile by %s, put out of order", (_, ms) => {
    const path = startedLog(3);
    new Journal(path, () => new Date(ms)).append({ ...sampleEvents.started, pid: 99 });
    expect(pidsOf(lastEvents(path, { since: new Date(Date.UTC(2025, 5, 29, 10, 0)) }))).toEqual([1, 2, 3]);
  });

  it("reads no further back than it has to (R3.7)", () => {
    const path = startedLog(1);
    const lines = readFileSync(path, "utf8").replace("2025", "2024").repeat(2000);
    writeFileSync(path, `${readFileSync(path, "utf8")}${lines}`);
    new Journal(path).append({ ...sampleEvents.started, pid: 99 });
    expect(pidsOf(lastEvents(path, { since: new Date(Date.UTC(2025, 0)) }))).toEqual([99]);
  });

  it("stops at the byte it is told, so that following from there repeats nothing", () => {
    const path = startedLog(2);
    const endByte = endOfLog(path);
    new Journal(path).append({ ...sampleEvents.started, pid: 3 });
    expect(pidsOf(lastEvents(path, { endByte }))).toEqual([1, 2]);
    expect(endOfLog(join(path, "../none"))).toBe(0);
  });
});
