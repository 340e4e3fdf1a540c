import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeControl, makeSessionId, makeUid, parseName, timeOfUid } from "../../../src/home/names.ts";
import { failureOf } from "../../support/failure-of.ts";

const escape = String.fromCodePoint(0x1b);
const rightToLeftOverride = String.fromCodePoint(0x202e);

describe("parseName", () => {
  it.each(["a", "7", "my_test_session", "nightly.2025-06-29", "A".repeat(64)])("accepts %s (R3.1)", (name) => {
    expect(parseName("session id", name)).toBe(name);
  });

  it.each(["", ".", "..", "../etc/passwd", "a/b", "-rf", "_a", "a b", "a\n", "é", "🔒", "A".repeat(65), "a\0"])(
    "refuses %j as a usage error (R3.1)",
    (name) => {
      expect(failureOf(() => parseName("session id", name)).code).toBe("USAGE");
    },
  );

  it("shows the text it refuses with its control characters escaped", () => {
    const failure = failureOf(() => parseName("lock name", `${escape}[2J${rightToLeftOverride}x`));
    expect(failure.message).toContain(String.raw`Not a lock name: "\x1b[2J\u{202e}x"`);
    expect(failure.message).not.toContain(escape);
  });

  it("does not repeat a huge text in full", () => {
    expect(failureOf(() => parseName("owner", " ".repeat(1_000_000))).message.length).toBeLessThan(300);
  });

  it("accepts nothing that could leave its directory or be taken for an option", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const safe = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) && text.length <= 64;
        const accepted = safe ? parseName("owner", text) : failureOf(() => parseName("owner", text)).code;
        expect(accepted).toBe(safe ? text : "USAGE");
      }),
    );
  });
});

describe("escapeControl", () => {
  it("leaves ordinary text of any script alone", () => {
    const text = "engine.js — größe 東京 שלום 👍🏽 100%";
    expect(escapeControl(text)).toBe(text);
  });

  it("writes control characters, bidirectional controls and half characters visibly", () => {
    expect(escapeControl("a\r\n\tb\u0007\u009b31m\u2067\ufeff\ud83d")).toBe(
      String.raw`a\x0d\x0a\x09b\x07\x9b31m\u{2067}\u{feff}\u{d83d}`,
    );
  });

  it("leaves nothing behind that a terminal acts on", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(escapeControl(text)).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
      }),
    );
  });
});

describe("makeSessionId", () => {
  const now = new Date(2025, 5, 29, 10, 34, 3);

  it.each([
    ["node engine.js", "engine"],
    ["/usr/bin/node --inspect ./src/engine.ts --fast", "engine"],
    ["npm run dev", "npm-run-dev"],
    ["./manage_background_agent.sh start", "manage_background_agent"],
    ["python3 -m http.server 8000", "http.server"],
    ["env MODE=test node server/index.js", "server"],
    ["node src/index.js", "index"],
    ["nice -n 10 make test", "make-test"],
    ["npx vite", "vite"],
    ["bash", "bash"],
    ["", "session"],
    ["東京", "session"],
  ])("describes `%s` as %s (R3.1)", (command, word) => {
    expect(makeSessionId(command.split(" "), now)).toMatch(new RegExp(`^${word}-1034-[0-9a-f]{4}$`));
  });

  it("looks into the string that a shell runs", () => {
    expect(makeSessionId(["sh", "-c", "node engine.js && echo done"], now)).toMatch(/^engine-1034-/);
  });

  it("makes a valid session id of any command", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), fc.date({ noInvalidDate: true }), (command, time) => {
        const id = makeSessionId(command, time);
        expect(parseName("session id", id)).toBe(id);
      }),
    );
  });
});

describe("makeUid", () => {
  it("makes 26 characters that are safe in a path, and never the same twice", () => {
    const uids = Array.from({ length: 1000 }, makeUid);
    expect(uids.filter((uid) => !/^[0-9a-z]{26}$/.test(uid))).toEqual([]);
    expect(new Set(uids).size).toBe(1000);
  });

  it("makes uids that sort by the time they were made in", () => {
    const before = makeUid();
    const start = Date.now();
    while (Date.now() === start);
    expect(makeUid() > before).toBe(true);
  });

  it("makes uids that tell when they were made", () => {
    const before = Date.now();
    const time = timeOfUid(makeUid());
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
    expect(["", "u1", "!".repeat(26), "i".repeat(26), "000000000!0"].map(timeOfUid)).toEqual(
      Array.from({ length: 5 }, () => Number.NaN),
    );
  });
});
