import { describe, expect, it } from "vitest";
import { codeOfEnd, shellCode } from "../../../src/session/shell-code.ts";
import type { SessionEnd } from "../../../src/session/session-end.ts";
import { end as sample, session } from "../present/samples.ts";

const launched = { launcher: { process: null, return_within_ms: 1, pid_file_within_ms: 1 } };

const ended = (change: Partial<SessionEnd>): SessionEnd => ({
  ...sample,
  reason: "exited",
  exit_code: null,
  signal: null,
  survivors: [],
  ...change,
});

describe("the exit code of a session that has ended", () => {
  it.each([
    [{ exit_code: 0 }, 0],
    [{ exit_code: 7 }, 7],
    [{ signal: "SIGTERM" }, 143],
    [{ signal: "SIGKILL", reason: "stopped" }, 137],
    // Nobody knows: the agent of a launcher.
    [{}, 0],
    [{ reason: "stopped" }, 0],
    [{ reason: "max_time" }, 0],
    [{ reason: "idle_timeout" }, 0],
    // Nobody knows, and something went wrong.
    [{ reason: "lost" }, 1],
    [{ reason: "start_failed" }, 1],
    [{ reason: "lock_lost" }, 1],
    // It never came to run, whatever its agent ended with.
    [{ reason: "start_failed", exit_code: 7 }, 1],
    [{ reason: "start_failed", signal: "SIGTERM" }, 1],
    [{ reason: "stopped", survivors: [{ pid: 7, command: "node engine.js", why: "survived_sigkill" }] }, 1],
  ] as const)("%j: %i", (change, code) => {
    const survivors = [...("survivors" in change ? change.survivors : [])];
    expect(codeOfEnd(ended({ ...change, survivors }), launched)).toBe(code);
  });

  it("is that of a failure where it is not known, and should be: somebody has killed its tmux", () => {
    expect([codeOfEnd(ended({}), session), codeOfEnd(ended({ exit_code: 4 }), session)]).toEqual([1, 4]);
  });

  it("is as a shell says it", () => {
    expect([shellCode(3, null), shellCode(null, "SIGINT"), shellCode(null, null)]).toEqual([3, 130, 1]);
  });
});
