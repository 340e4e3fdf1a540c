import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { cannotRun, exitUnless, type Agent } from "../../../src/keeper/agent.ts";
import { SessionLog } from "../../../src/keeper/session-log.ts";
import { settle } from "../../../src/keeper/settle.ts";
import { exitOfStranger } from "../../../src/keeper/watched-process.ts";
import { systemClock } from "../../../src/process/clock.ts";
import { selfIdentity } from "../../../src/process/identity.ts";
import type { Context } from "../../../src/session/context.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { session } from "../present/samples.ts";

describe("a program that does not come to run", () => {
  it("is told of in the words that there are, where the system gives no errno", () => {
    const failure = cannotRun("tool", "/", { errno: undefined, message: "spawn failed" });
    expect(failure).toMatchObject({ code: "NOT_EXECUTABLE", message: "Command cannot be run: tool: spawn failed" });
  });

  it("is loaded by something that is missing, when it is there and names no interpreter, or cannot be read", () => {
    const root = temporaryDirectory();
    writeFileSync(join(root, "binary"), "\u007fELF");
    for (const program of ["./binary", "./"]) {
      const failure = cannotRun(program, root, { errno: "ENOENT", message: "" });
      expect(failure).toMatchObject({
        code: "NOT_FOUND",
        message: `Command cannot be run: what ${program} is loaded by is missing`,
      });
    }
  });

  it("is told of as the system has it, when its path leads round and round", () => {
    const root = temporaryDirectory();
    symlinkSync("loop", join(root, "loop"));
    const failure = cannotRun("./loop", root, { errno: "ELOOP", message: "" });
    expect(failure).toMatchObject({ code: "NOT_EXECUTABLE", facts: { errno: "ELOOP" } });
  });

  it.each([
    ["one of the PATH", "tool", "type -a tool"],
    ["another user's, or one that is executable", "/bin/sh", "ls -ld /bin/sh"],
  ])("may not be run: %s is to be looked at", (_, program, command) => {
    const failure = cannotRun(program, "/", { errno: "EACCES", message: "" });
    expect(failure.next).toEqual([expect.objectContaining({ command })]);
  });
});

describe("a process that is watched", () => {
  it("is looked at once a second by who looks then anyway, when it has run for long", async () => {
    vi.useFakeTimers({ toFake: ["hrtime", "setTimeout", "clearTimeout"] });
    const over = new AbortController();
    let look = (): void => undefined;
    let isOver = false;
    const watching = exitOfStranger(selfIdentity(), {
      signal: over.signal,
      everySecond: (listener) => {
        look = listener;
        return () => undefined;
      },
    }).then(() => (isOver = true));
    // By then each look comes a second after the one before, and takes no timer of its own.
    await vi.advanceTimersByTimeAsync(20_000);
    expect(vi.getTimerCount()).toBe(0);
    look();
    await vi.advanceTimersByTimeAsync(5_000);
    expect([isOver, vi.getTimerCount()]).toEqual([false, 0]);
    over.abort();
    await watching;
    vi.useRealTimers();
  });
});

/** An agent that was started a second ago, and is gone. */
function goneAgent(exited: Agent["exited"]): Agent {
  const identity = { ...selfIdentity(), started: "0" };
  return { pid: 2 ** 22, identity, spawnedAtMs: systemClock.now() - 1_000, exited, outputFromByte: 0 };
}

describe("an agent", () => {
  it("that is gone has not settled, although it is told of only later", async () => {
    const exit = { code: 3, signal: null, at: new Date() };
    let tell: (told: typeof exit) => void = () => undefined;
    const settled = settle(goneAgent(new Promise((resolve) => (tell = resolve))));
    await systemClock.sleep(1);
    tell(exit);
    expect(await settled).toEqual(exit);
  });

  it("is not waited for when that is over before it begins", async () => {
    const never = goneAgent(new Promise(() => undefined));
    expect(await exitUnless(AbortSignal.abort(), never)).toBeNull();
  });
});

it("what goes wrong at every look of a keeper stands in the log once, until something else does", () => {
  const results: unknown[] = [];
  const journal = { append: ({ result }: { result: string }) => results.push(result) };
  const context = { journal, by: session.by, lock: { name: "session" } } as unknown as Context;
  const log = new SessionLog(context, session, 1);
  for (const problem of ["disk full", "disk full", "no descriptor", "disk full"]) log.complain("watch", problem);
  expect(results).toEqual(["disk full", "no descriptor", "disk full"]);
});
