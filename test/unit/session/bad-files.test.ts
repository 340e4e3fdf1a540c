import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../../src/failure.ts";
import { loadConfig } from "../../../src/home/config.ts";
import { homeAt, type Home } from "../../../src/home/locate.ts";
import { lastEvents } from "../../../src/journal/read.ts";
import { lastLines } from "../../../src/journal/tail-text.ts";
import { readClaim } from "../../../src/lock/claim-record.ts";
import { hasConsent } from "../../../src/session/hook-consent.ts";
import { readOutputCut } from "../../../src/session/output-cut.ts";
import { readRecord } from "../../../src/session/session-end.ts";
import { sessionFiles } from "../../../src/session/session-files.ts";
import { tryToReadStopRequest } from "../../../src/session/stop-request.ts";
import { badFiles } from "../../support/bad-input.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { end, session } from "../present/samples.ts";

const uid = "01jyx3kq0zabcdefghjkmnpqrs";

function newHome(): Home {
  const root = temporaryDirectory();
  return homeAt(root, join(root, ".holdfast"));
}

interface Reader {
  readonly path: (home: Home) => string;
  readonly read: (home: Home) => unknown;
  /** What it may give of a file that is bad. */
  readonly harmless: (value: unknown) => boolean;
}

const isNothing = (value: unknown): boolean => value === null || value === false || value === 0;
const files = (home: Home) => sessionFiles(home, uid);

const readers: Readonly<Record<string, Reader>> = {
  "a claim": {
    path: (home) => join(home.claims, "session.1"),
    read: (home) => readClaim(join(home.claims, "session.1")),
    harmless: isNothing,
  },
  "a session's record": {
    path: (home) => files(home).record,
    read: (home) => readRecord(home, uid),
    harmless: isNothing,
  },
  "a stop request": {
    path: (home) => files(home).stop,
    read: (home) => tryToReadStopRequest(home, uid, () => undefined),
    harmless: isNothing,
  },
  "where an output was cut": {
    path: (home) => files(home).outputCut,
    read: (home) => readOutputCut(files(home).outputCut),
    harmless: isNothing,
  },
  "the consent to hooks": {
    path: (home) => join(home.state, "hooks.json"),
    read: (home) => hasConsent(home, "ended", "touch harm"),
    harmless: isNothing,
  },
  "the event log": {
    path: (home) => home.log,
    read: (home) => lastEvents(home.log, { count: 20 }),
    harmless: (value) => Array.isArray(value) && value.length === 0,
  },
  "an output": {
    path: (home) => files(home).output,
    read: (home) => lastLines(files(home).output, 20).bytes.length,
    harmless: (value) => typeof value === "number" && value <= 5_000_000,
  },
  "the configuration": {
    path: (home) => join(home.root, "holdfast.json"),
    read: (home) => loadConfig(home, {}),
    harmless: (value) => typeof value === "object",
  },
  "a package.json": {
    path: (home) => join(home.root, "package.json"),
    read: (home) => loadConfig(home, {}),
    harmless: (value) => typeof value === "object",
  },
};

/** What comes of reading: a value, or a failure that names the file. @throws whatever else is thrown */
async function outcomeOf({ path, read, harmless }: Reader, home: Home): Promise<string> {
  try {
    const value = await read(home);
    return harmless(value) ? "harmless" : `believed: ${JSON.stringify(value)}`;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.message.includes(basename(path(home))) ? "named" : `not named: ${error.message}`;
  }
}

describe.each(Object.entries(readers))("%s that is bad", (_, reader) => {
  it.each(badFiles)("(%s) is refused by name, or says nothing", async (_name, make) => {
    const home = newHome();
    const path = reader.path(home);
    mkdirSync(dirname(path), { recursive: true });
    make(path);
    expect(await outcomeOf(reader, home)).toMatch(/^(?:harmless|named)$/);
  });
});

describe("a record", () => {
  const record = { schema_version: 1, lock: "session", session: { ...session, uid, phase: "ended" }, end };
  const home = newHome;

  function write(place: Home, content: string | Uint8Array): void {
    mkdirSync(files(place).directory, { recursive: true });
    writeFileSync(files(place).record, content);
  }

  it("is read as it was written", () => {
    const place = home();
    write(place, JSON.stringify(record));
    expect(readRecord(place, uid)).toMatchObject({ lock: "session", session: { id: session.id, uid }, end });
  });

  it("is refused by name, or is a record, whatever bytes are changed in it or cut off", async () => {
    const place = home();
    const bytes = Buffer.from(JSON.stringify(record));
    const change = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255), length: fc.nat(bytes.length) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = Buffer.from(bytes);
        for (const { at, to } of changes) changed[at] = to;
        write(place, changed.subarray(0, changes[0]?.length));
        const outcome = await outcomeOf({ ...readers["a session's record"], harmless: isRecord } as Reader, place);
        expect(outcome).toMatch(/^(?:harmless|named)$/);
      }),
    );
  });

  it("is refused by name, or is a record, whatever JSON is in place of one of its parts", async () => {
    const place = home();
    const parts = [...Object.keys(record), ...Object.keys(record.session), ...Object.keys(end)];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...parts), fc.jsonValue(), async (part, value) => {
        write(
          place,
          JSON.stringify(record, (key, was: unknown) => (key === part ? value : was)),
        );
        const outcome = await outcomeOf({ ...readers["a session's record"], harmless: isRecord } as Reader, place);
        expect(outcome).toMatch(/^(?:harmless|named)$/);
      }),
    );
  });
});

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && "session" in value && "end" in value;
}
