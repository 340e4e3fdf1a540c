import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isKnownEvent, parseEventLine } from "../../../src/journal/parse-event.ts";
import { sampleEvents } from "./sample-events.ts";

const time = "2025-06-29T10:34:03.123Z";
const { ended } = sampleEvents;

function parse(fields: Readonly<Record<string, unknown>>): unknown {
  return parseEventLine(JSON.stringify({ schema_version: 1, time, ...fields }));
}

describe("parseEventLine", () => {
  it.each(Object.values(sampleEvents))("reads back $event (R3.7)", (event) => {
    const read = parseEventLine(JSON.stringify({ schema_version: 1, time, ...event }));
    expect(read).toEqual({ schema_version: 1, time, ...event });
    expect(read !== null && isKnownEvent(read)).toBe(true);
  });

  it.each([
    ["a torn line", JSON.stringify(ended).slice(0, 40)],
    ["an empty line", ""],
    ["JSON that is no object", "[1]"],
    ["null", "null"],
    ["binary", "\0\u0001\ufffd"],
  ])("takes %s for no event", (_what, line) => {
    expect(parseEventLine(line)).toBeNull();
  });

  it.each([
    ["no time", { ...ended, time: undefined }],
    ["a time that is none", { ...ended, time: "2025-99-99T10:34:03.123Z" }],
    ["no kind", { ...ended, event: undefined }],
    ["a lock that is a path", { ...ended, lock: "../x" }],
    ["a uid that is a path", { ...ended, uid: "../../etc" }],
    ["a session with control characters", { ...ended, session: "a\u001b[2J" }],
    ["a token that is text", { ...ended, token: "42" }],
    ["an actor without a user", { ...ended, by: { host: "x", pid: 1, tty: null } }],
    ["no version", { ...ended, schema_version: undefined }],
    ["a duration that is text", { ...ended, duration_seconds: "long" }],
    ["an end that is no time", { ...ended, ended_at: "yesterday" }],
    ["processes that are none", { ...ended, processes: [1, null] }],
    ["a command that is text", { ...sampleEvents.started, command: "node" }],
    ["a client that is null", { ...sampleEvents.joined, client: null }],
  ])("takes a line with %s for no event", (_what, fields) => {
    expect(parse(fields)).toBeNull();
  });

  it("keeps an event of an unknown kind as it is", () => {
    expect(parse({ event: "migrated", lock: "session", to: ["b"] })).toMatchObject({ event: "migrated", to: ["b"] });
  });

  it("marks the events of a newer version, and keeps those that it understands", () => {
    expect(parse({ ...ended, schema_version: 2, mood: "good" })).toMatchObject({
      event: "ended",
      newer: true,
      mood: "good",
    });
    expect(parse({ schema_version: 2, event: "migrated", lock: "session" })).toMatchObject({
      event: "migrated",
      newer: true,
    });
  });

  it("gives a known kind in a newer shape another name, so that nobody takes it for the kind they know", () => {
    const changed = parse({ schema_version: 2, event: "ended", lock: "session", duration: "PT6M" });
    expect(changed).toMatchObject({ event: "ended@2", newer: true, duration: "PT6M" });
  });

  it("never throws, and gives nothing but whole events", () => {
    const line = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc
        .record({ schema_version: fc.anything(), time: fc.anything(), event: fc.anything(), lock: fc.anything() })
        .map((fields) => JSON.stringify(fields, (_key, value: unknown) => (typeof value === "bigint" ? null : value))),
    );
    fc.assert(
      fc.property(line, (any) => {
        const event = parseEventLine(any);
        expect(event === null || !Number.isNaN(Date.parse(event.time))).toBe(true);
      }),
    );
  });
});
