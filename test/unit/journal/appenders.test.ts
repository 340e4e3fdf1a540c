import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Journal } from "../../../src/journal/journal.ts";
import { lastEvents } from "../../../src/journal/read.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { sampleEvents } from "./sample-events.ts";

/** `appender.ts`, built to run on its own. */
let program = "";

beforeAll(() => {
  program = join(mkdtempSync(join(tmpdir(), "holdfast-appender-")), "appender.cjs");
  const entry = join(import.meta.dirname, "../../fixtures/journal/appender.ts");
  buildSync({ entryPoints: [entry], outfile: program, bundle: true, platform: "node", format: "cjs" });
});

afterAll(() => {
  rmSync(join(program, ".."), { recursive: true, force: true });
});

/** Starts an appender, and ends it with the test. `command` runs it: the program and its arguments follow. */
async function startAppender(args: readonly string[], command = [process.execPath]): Promise<ChildProcess> {
  const [file = "", ...before] = command;
  const child = spawn(file, [...before, program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

describe("several processes that append at once", () => {
  it("lose nothing and mix nothing (R3.7)", async () => {
    const path = join(temporaryDirectory(), "holdfast.log");
    const names = ["a", "b", "c", "d"];
    const children = await Promise.all(names.map((name) => startAppender([path, name, "300", "200"])));
    const ended = children.map((child) => once(child, "exit"));
    for (const child of children) child.stdin?.end("go\n");
    expect((await Promise.all(ended)).map(([code]) => code as unknown)).toEqual([0, 0, 0, 0]);

    const written = lastEvents(path).map((event) => String("what" in event ? event.what : event.event));
    const lines = readFileSync(path, "utf8").split("\n");
    expect(lines.filter((line) => line !== "")).toHaveLength(4 * 300);
    for (const name of names) {
      const own = written.filter((what) => what.startsWith(`${name} `));
      expect(own).toEqual(Array.from({ length: 300 }, (_, index) => `${name} ${index + 1}`));
    }
  });
});

describe("a log that cannot grow", () => {
  it("is reported by the append that does not fit, and the torn line is sealed by the next (R3.7)", async () => {
    const path = join(temporaryDirectory(), "holdfast.log");
    // The file size limit stands for a full disk: the write that crosses it succeeds in part.
    const limited = ["sh", "-c", 'ulimit -f 8; exec "$0" "$@"', process.execPath];
    const child = await startAppender([path, "a", "1000", "100"], limited);
    const exited = once(child, "exit");
    const said = child.stdout === null ? [] : once(child.stdout, "data");
    child.stdin?.end("go\n");
    expect(String((await said)[0])).toMatch(/^IO: Cannot append to the event log: only \d+ of \d+ bytes/);
    expect(await exited).toEqual([3, null]);

    expect(readFileSync(path, "utf8").endsWith("\n")).toBe(false);
    const before = lastEvents(path).length;
    expect(before).toBeGreaterThan(3);
    const torn = statSync(path).size;
    new Journal(path).append(sampleEvents.ready);
    const events = lastEvents(path);
    expect(events).toHaveLength(before + 1);
    expect(events.at(-1)).toMatchObject({ event: "ready" });
    expect(readFileSync(path)[torn]).toBe(0x0a);
  });
});
