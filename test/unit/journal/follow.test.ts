import { appendFileSync, mkdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { followEvents, followFile, type FollowEventsOptions } from "../../../src/journal/follow.ts";
import { Journal } from "../../../src/journal/journal.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { sampleEvents } from "./sample-events.ts";

interface Follower {
  /** Reads on until it has as many bytes as this text has, and gives what it read. */
  read(text: string): Promise<string>;
  readonly abort: () => void;
  readonly end: Promise<unknown>;
}

function follow(path: string, fromByte = 0): Follower {
  const controller = new AbortController();
  const pieces = followFile(path, { fromByte, signal: controller.signal });
  onTestFinished(async () => {
    controller.abort();
    await pieces.return(undefined);
  });
  return {
    async read(text) {
      let read = Buffer.alloc(0);
      while (read.length < Buffer.byteLength(text)) {
        const { value, done } = await pieces.next();
        if (done === true) break;
        read = Buffer.concat([read, value.bytes]);
      }
      return read.toString();
    },
    abort: () => controller.abort(),
    get end() {
      return pieces.next();
    },
  };
}

function newFile(content: string): string {
  const path = join(temporaryDirectory(), "output.log");
  writeFileSync(path, content);
  return path;
}

/** So that only the system can wake a follower. */
function stopTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

describe("followFile", () => {
  it("yields what is there from the byte given, then what is appended, as it is appended", async () => {
    const path = newFile("one\n");
    const follower = follow(path, 2);
    expect(await follower.read("e\n")).toBe("e\n");
    for (const text of ["two\n", "thr", "ee\n", "größe\n"]) {
      const next = follower.read(text);
      appendFileSync(path, text);
      expect(await next).toBe(text);
    }
  });

  it("wakes at once where the system tells of changes", async () => {
    stopTimers();
    const path = newFile("");
    const follower = follow(path);
    const next = follower.read("x");
    appendFileSync(path, "x");
    expect(await next).toBe("x");
  });

  it("reads a large backlog in pieces, all of it", async () => {
    const content = "0123456789abcdef".repeat(20_000);
    expect(await follow(newFile(content)).read(content)).toBe(content);
  });

  it("begins again at the start of a file that was truncated", async () => {
    const path = newFile("a long first text\n");
    const follower = follow(path);
    expect(await follower.read("a long first text\n")).toBe("a long first text\n");
    const next = follower.read("new\n");
    truncateSync(path, 0);
    appendFileSync(path, "new\n");
    expect(await next).toBe("new\n");
    appendFileSync(path, "more\n");
    expect(await follower.read("more\n")).toBe("more\n");
  });

  it("tells where in the file each piece ends, after a truncation too", async () => {
    const path = newFile("a long first text\n");
    const pieces = followFile(path, { fromByte: 2 });
    onTestFinished(async () => void (await pieces.return(undefined)));
    expect((await pieces.next()).value).toMatchObject({ endByte: 18 });
    const next = pieces.next();
    truncateSync(path, 0);
    appendFileSync(path, "new\n");
    expect((await next).value).toMatchObject({ bytes: Buffer.from("new\n"), endByte: 4 });
  });

  it("takes a beginning beyond the end for a file that was truncated meanwhile", async () => {
    expect(await follow(newFile("new\n"), 1000).read("new\n")).toBe("new\n");
  });

  it("follows the file made anew under the same name, be it removed or renamed before", async () => {
    const path = newFile("first\n");
    const follower = follow(path);
    expect(await follower.read("first\n")).toBe("first\n");
    appendFileSync(path, "last words\n");
    renameSync(path, `${path}.1`);
    writeFileSync(path, "second\n");
    expect(await follower.read("last words\nsecond\n")).toBe("last words\nsecond\n");
    rmSync(path);
    const next = follower.read("third\n");
    writeFileSync(path, "third\n");
    expect(await next).toBe("third\n");
  });

  it("looks again after a second where it does not, as for a directory that does not exist yet", async () => {
    stopTimers();
    const directory = join(temporaryDirectory(), "sessions/u1");
    const follower = follow(join(directory, "output.log"), 5);
    const next = follower.read("hello\n");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "output.log"), "hello\n");
    await vi.advanceTimersByTimeAsync(1000);
    expect(await next).toBe("hello\n");
  });

  it("waits for a file that does not exist yet", async () => {
    stopTimers();
    const path = join(temporaryDirectory(), "output.log");
    const next = follow(path).read("hello\n");
    writeFileSync(path, "hello\n");
    expect(await next).toBe("hello\n");
  });

  it("returns when it is told to, also while it waits, and does nothing when told before", async () => {
    const path = newFile("x");
    const follower = follow(path);
    expect(await follower.read("x")).toBe("x");
    const { end } = follower;
    follower.abort();
    expect(await end).toEqual({ value: undefined, done: true });
    expect(await followFile(path, { signal: AbortSignal.abort() }).next()).toEqual({ value: undefined, done: true });
  });

  it("says so when there is a file that it cannot read", async () => {
    const pieces = followFile(temporaryDirectory());
    expect((await rejectionOf(pieces.next())).code).toBe("NOT_PERMITTED");
  });
});

describe("followEvents", () => {
  function followLog(path: string, options: FollowEventsOptions = {}): () => Promise<unknown> {
    const controller = new AbortController();
    const events = followEvents(path, { ...options, signal: controller.signal });
    onTestFinished(async () => {
      controller.abort();
      await events.return(undefined);
    });
    return async () => {
      const { value } = (await events.next()) as { value: object };
      return "pid" in value ? value.pid : value;
    };
  }

  function newLog(): { path: string; append: (pid: number) => void } {
    const path = join(temporaryDirectory(), "holdfast.log");
    const journal = new Journal(path);
    return { path, append: (pid) => journal.append({ ...sampleEvents.started, pid }) };
  }

  it("yields each event once, when its line is complete, and skips what is none (R3.7)", async () => {
    const { path, append } = newLog();
    append(1);
    const next = followLog(path);
    expect(await next()).toBe(1);
    appendFileSync(path, '{"torn": "é');
    const second = next();
    append(2);
    expect(await second).toBe(2);
    const line = `${JSON.stringify({ schema_version: 1, time: new Date().toISOString(), ...sampleEvents.started, pid: 3 })}\n`;
    const third = next();
    appendFileSync(path, line.slice(0, 30));
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(path, line.slice(30));
    expect(await third).toBe(3);
  });

  it("yields only what comes after the end, or after a byte, when asked (R3.7)", async () => {
    const { path, append } = newLog();
    append(1);
    const fromByte = statSync(path).size;
    const fromEnd = followLog(path, { fromEnd: true });
    const next = fromEnd();
    append(2);
    expect(await next).toBe(2);
    expect(await followLog(path, { fromByte })()).toBe(2);
  });

  it("does not glue a torn line to the start of the log that replaces it", async () => {
    const { path, append } = newLog();
    append(1);
    const next = followLog(path);
    expect(await next()).toBe(1);
    appendFileSync(path, '{"torn');
    const second = next();
    await new Promise((resolve) => setImmediate(resolve));
    rmSync(path);
    append(2);
    expect(await second).toBe(2);
  });
});
