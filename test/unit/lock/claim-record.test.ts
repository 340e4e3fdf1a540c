import { appendFileSync, chownSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../../src/failure.ts";
import { formatClaim, parseClaim, readClaim, type ClaimRecord } from "../../../src/lock/claim-record.ts";
import { failureOf } from "../../support/failure-of.ts";
import { claimRecord } from "../../support/lock-forgery.ts";
import { lockPlace } from "../../support/lock-place.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const record = claimRecord(lockPlace("/", "lease"), { info: { session: { id: "demo" } } });

/** A file with this in it. */
function fileOf(content: string | Uint8Array): string {
  const path = join(temporaryDirectory(), "session.1");
  writeFileSync(path, content);
  return path;
}

function lineOf(change: Record<string, unknown>): string {
  return `${JSON.stringify({ ...record, ...change })}\n`;
}

describe("reading a claim", () => {
  it("gives back what was written, line by line the last one", () => {
    const path = fileOf(formatClaim(record));
    expect(readClaim(path)).toEqual(record);
    const released: ClaimRecord = { ...record, state: "released", info: "🔒\n\u0000" };
    appendFileSync(path, formatClaim(released));
    expect(readClaim(path)).toEqual(released);
  });

  it("is null for a file that is not there", () => {
    expect(readClaim(join(temporaryDirectory(), "session.1"))).toBeNull();
  });

  it("gives back a claim of which nothing is said", () => {
    expect(readClaim(fileOf(formatClaim({ ...record, info: undefined })))).toEqual({ ...record, info: null });
  });

  it("passes over a torn last line, and over blank ones", () => {
    const whole = formatClaim(record);
    const torn = lineOf({ state: "released" });
    for (const cut of [1, torn.length / 2, torn.length - 1]) {
      expect(readClaim(fileOf(whole + torn.slice(0, cut)))).toEqual(record);
    }
    expect(readClaim(fileOf(`\n${whole}\n\n`))).toEqual(record);
  });

  it("finds the last line however long it and those before it are", () => {
    const long: ClaimRecord = { ...record, info: "x".repeat(3_000_000) };
    const path = fileOf(formatClaim(long));
    expect(readClaim(path)).toEqual(long);
    appendFileSync(path, formatClaim(record));
    expect(readClaim(path)).toEqual(record);
    appendFileSync(path, formatClaim(long));
    expect(readClaim(path)).toEqual(long);
    appendFileSync(path, formatClaim(long).slice(0, -1));
    expect(readClaim(path)).toEqual(long);
  });

  it("refuses what a newer holdfast has written, by its format, whatever else is in it", () => {
    const failure = failureOf(() => readClaim(fileOf(`${JSON.stringify({ schema_version: 2, pulse: "quantum" })}\n`)));
    expect(failure).toMatchObject({ code: "DATA", facts: { schema_version: 2 } });
    expect(failure.message).toMatch(/newer holdfast \(format 2\)/);
  });

  it.each([
    ["an empty file", ""],
    ["no whole line", JSON.stringify(record)],
    ["a line that is no JSON", "held by me\n"],
    ["NUL bytes, as after a power loss", "\0".repeat(4096)],
    ["a line of NUL bytes", `${"\0".repeat(4096)}\n`],
    ["null", "null\n"],
    ["an array", "[]\n"],
    ["a number", "42\n"],
    ["no format", lineOf({ schema_version: undefined })],
    ["a format that is a text", lineOf({ schema_version: "1" })],
    ["a token below 1", lineOf({ token: 0 })],
    ["a token that is no integer", lineOf({ token: 1.5 })],
    ["a token too large to count on from", lineOf({ token: 2 ** 53 })],
    ["a state there is not", lineOf({ state: "holding" })],
    ["a PID of a group", lineOf({ owner: { ...record.owner, pid: -1 } })],
    ["a PID 0", lineOf({ owner: { ...record.owner, pid: 0 } })],
    ["no owner", lineOf({ owner: null })],
    ["a pulse there is not", lineOf({ pulse: { kind: "drum" } })],
    ["a lease elsewhere", lineOf({ pulse: { kind: "lease", lease: "../../etc", stale_ms: 15_000 } })],
    ["a lease that is never stale", lineOf({ pulse: { kind: "lease", lease: ".lease-1", stale_ms: null } })],
  ])("refuses %s, naming the file", (_, content) => {
    const path = fileOf(content);
    const failure = failureOf(() => readClaim(path));
    expect(failure).toMatchObject({ code: "DATA", facts: { path } });
    expect(failure.message).toContain(path);
  });

  it("refuses a huge file without a line in it", () => {
    const path = fileOf("");
    truncateSync(path, 2 ** 40);
    expect(failureOf(() => readClaim(path)).code).toBe("DATA");
  });

  it("refuses a symbolic link, a directory and a pipe, and does not wait for anyone to write into it", () => {
    const directory = temporaryDirectory();
    const [link, folder, pipe] = ["session.1", "session.2", "session.3"].map((name) => join(directory, name));
    symlinkSync(fileOf(formatClaim(record)), link ?? "");
    mkdirSync(folder ?? "");
    execFileSync("sh", ["-c", `mkfifo "$0"`, pipe ?? ""]);
    for (const path of [link, folder, pipe]) expect(failureOf(() => readClaim(path ?? "")).code).toBe("DATA");
  });

  it.skipIf(process.getuid?.() !== 0)("refuses a claim of another user (only root can make one)", () => {
    const path = fileOf(formatClaim(record));
    chownSync(path, 65_534, 65_534);
    expect(failureOf(() => readClaim(path))).toMatchObject({ code: "NOT_PERMITTED", facts: { path } });
  });
});

describe("parsing a claim", () => {
  const acceptable = (text: string): boolean => {
    try {
      return parseClaim(text, "claim").schema_version === 1;
    } catch (error) {
      return error instanceof Failure && error.code === "DATA";
    }
  };

  it("never fails with anything but DATA: any text, any JSON, any JSON in place of a field", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => acceptable(`${text}\n`)));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => acceptable(`${Buffer.from(bytes).toString("utf8")}\n`)));
    fc.assert(fc.property(fc.json(), (json) => acceptable(`${json}\n`)));
    const field = fc.constantFrom(...Object.keys(record));
    fc.assert(fc.property(field, fc.jsonValue(), (name, value) => acceptable(lineOf({ [name]: value }))));
  });

  it("gives back every claim there can be, after any torn line", () => {
    const info = fc.json().map((json): unknown => JSON.parse(json));
    const claim = fc.record({ info, token: fc.integer({ min: 1 }), since: fc.string({ unit: "binary" }) });
    fc.assert(
      fc.property(claim, fc.nat(), (change, cut) => {
        const line = formatClaim({ ...record, ...change });
        const text = `${line}${line.slice(0, cut % line.length)}`;
        expect(parseClaim(text, "claim")).toEqual({ ...record, ...change });
      }),
    );
  });
});
