import { describe, expect, it, vi } from "vitest";
import { cannotRun } from "../../../src/keeper/agent.ts";
import { exitOfStranger } from "../../../src/keeper/watched-process.ts";
import { selfIdentity } from "../../../src/process/identity.ts";

describe("a program that does not come to run", () => {
  it("is told of in the words that there are, where the system gives no errno", () => {
    const failure = cannotRun("tool", "/", { errno: undefined, message: "spawn failed" });
    expect(failure).toMatchObject({ code: "NOT_EXECUTABLE", message: "Command cannot be run: tool: spawn failed" });
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
