import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Journal } from "../../../src/journal/journal.ts";
import { readEventsBackward } from "../../../src/journal/read.ts";
import { failureOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { anyNote, sampleEvents } from "./sample-events.ts";

function newJournal(): Journal {
  return new Journal(join(temporaryDirectory(), "holdfast.log"), () => new Date("2025-06-29T10:34:03.007Z"));
}

describe("Journal", () => {
  it("writes one line of JSON with time and version, for its user alone (R0.2, R3.7)", () => {
    const journal = newJournal();
    journal.append(sampleEvents.started, { durable: true });
    journal.append(sampleEvents.ready);
    const added = { schema_version: 1, time: "2025-06-29T10:34:03.007Z" };
    const lines = readFileSync(journal.path, "utf8").split("\n");
    expect(lines.map((line) => (line === "" ? null : (JSON.parse(line) as unknown)))).toEqual([
      { ...added, ...sampleEvents.started },
      { ...added, ...sampleEvents.ready },
      null,
    ]);
    expect(lstatSync(journal.path).mode & 0o777).toBe(0o600);
  });

  it.each(Object.values(sampleEvents))("gives back $event as it was written (R3.7)", (event) => {
    const journal = newJournal();
    journal.append(event);
    expect([...readEventsBackward(journal.path)]).toMatchObject([event]);
  });

  it("keeps any text on one line", () => {
    const journal = newJournal();
    fc.assert(
      fc.property(anyNote, (event) => {
        writeFileSync(journal.path, "");
        journal.append(event);
        expect(readFileSync(journal.path, "utf8")).toMatch(/^[^\n]+\n$/);
        expect([...readEventsBackward(journal.path)]).toHaveLength(1);
      }),
    );
  });

  it("seals a torn last line, whatever it ends in, and loses neither what came before nor what follows", () => {
    const journal = newJournal();
    journal.append(sampleEvents.started);
    appendFileSync(journal.path, '{"event":"ended","note":"\u00e9'.slice(0, -1));
    appendFileSync(journal.path, Buffer.from([0xc3]));
    journal.append(sampleEvents.ready);
    expect(readFileSync(journal.path).filter((byte) => byte === 0x0a)).toHaveLength(3);
    expect([...readEventsBackward(journal.path)].map(({ event }) => event)).toEqual(["ready", "started"]);
  });

  it("can be taken to the disk later, by whom it is, and when it was removed meanwhile there is nothing to take", () => {
    const journal = newJournal();
    journal.append(sampleEvents.started);
    new Journal(journal.path).sync();
    journal.sync();
    unlinkSync(journal.path);
    journal.sync();
    expect(existsSync(journal.path)).toBe(false);
    mkdirSync(journal.path);
    symlinkSync(journal.path, `${journal.path}.link`);
    expect(failureOf(() => new Journal(`${journal.path}.link`).sync()).message).toContain("Cannot take to the disk");
  });

  it("adds no empty line when nothing is torn", () => {
    const journal = newJournal();
    for (let count = 0; count < 3; count += 1) journal.append(sampleEvents.ready);
    expect(readFileSync(journal.path, "utf8")).not.toContain("\n\n");
  });

  it.each([
    ["a huge text", { ...sampleEvents.cleaned, what: "é".repeat(200_000) }],
    ["many long texts", { ...sampleEvents.started, command: Array.from({ length: 500 }, () => "x".repeat(1000)) }],
    [
      "a huge list",
      { ...sampleEvents.orphaned, processes: Array.from({ length: 20_000 }, (_, pid) => ({ pid, command: "node" })) },
    ],
  ])("cuts %s to 64 KiB, says so, and leaves the rest whole", (_what, event) => {
    const journal = newJournal();
    journal.append(event);
    const bytes = lstatSync(journal.path).size;
    expect(bytes).toBeLessThanOrEqual(64 * 1024 + 1);
    expect(bytes).toBeGreaterThan(10_000);
    expect([...readEventsBackward(journal.path)]).toMatchObject([
      { event: event.event, lock: "session", truncated: true },
    ]);
  });

  it("cuts no character in two, for strict readers of JSON", () => {
    const journal = newJournal();
    for (const before of ["", "x"])
      journal.append({ ...sampleEvents.cleaned, what: `${before}${"🔒".repeat(50_000)}` });
    expect(readFileSync(journal.path, "utf8").includes(String.raw`\ud`)).toBe(false);
    expect([...readEventsBackward(journal.path)]).toMatchObject([
      { what: expect.stringMatching(/^x(?:🔒)+…$/u) },
      { what: expect.stringMatching(/^(?:🔒)+…$/u) },
    ]);
  });

  it("does not call a line truncated that is not", () => {
    const journal = newJournal();
    journal.append({ ...sampleEvents.cleaned, what: "x".repeat(60_000) });
    expect([...readEventsBackward(journal.path)]).toMatchObject([{ what: "x".repeat(60_000) }]);
    expect(readFileSync(journal.path, "utf8")).not.toContain("truncated");
  });

  it("never writes through a symbolic link", () => {
    const directory = temporaryDirectory();
    const target = join(directory, "target");
    writeFileSync(target, "");
    symlinkSync(target, join(directory, "holdfast.log"));
    const failure = failureOf(() => new Journal(join(directory, "holdfast.log")).append(sampleEvents.ready));
    expect(failure.code).toBe("NOT_PERMITTED");
    expect(failure.message).toContain(join(directory, "holdfast.log"));
    expect(readFileSync(target, "utf8")).toBe("");
  });

  it("says which log it cannot open, and why", () => {
    const directory = temporaryDirectory();
    const missing = failureOf(() => new Journal(join(directory, "gone/holdfast.log")).append(sampleEvents.ready));
    expect(missing).toMatchObject({
      code: "IO",
      facts: { errno: "ENOENT", path: join(directory, "gone/holdfast.log") },
    });
    mkdirSync(join(directory, "holdfast.log"));
    const none = failureOf(() => new Journal(join(directory, "holdfast.log")).append(sampleEvents.ready));
    expect(none).toMatchObject({ code: "IO", facts: { errno: "EISDIR" } });
  });
});
