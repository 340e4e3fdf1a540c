import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock, tell, waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import type { RunningProgram } from "../support/program.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { schemaProblems } from "../support/output-schema.ts";
import { startSession, statusOf, untilItWaits } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

/** A `wait` that sleeps until something ends. */
async function waiting(workspace: Workspace, ...words: string[]): Promise<RunningProgram> {
  const wait = workspace.spawnHoldfast(["wait", ...words]);
  await untilItWaits(wait, `wait ${words.join(" ")}`);
  return wait;
}

/** A background session `demo` that ends with this code when it is told to. */
async function endingWith(workspace: Workspace, exitCode: number): Promise<() => Promise<void>> {
  await startSession(workspace, agent("exits-when-told.sh", "go", exitCode));
  return () => tell(join(workspace.root, "go"));
}

describe("wait", () => {
  it.each([0, 1, 7, 255])("returns when the session ends, with its code: %i", async (exitCode) => {
    const workspace = openWorkspace();
    const end = await endingWith(workspace, exitCode);
    const wait = await waiting(workspace);
    await end();
    const waited = await wait.ended;
    expect(waited).toMatchObject({ exitCode, stderr: "" });
    expect(waited.stdout).toMatch(new RegExp(`demo   ended by itself after .* \\(exit ${exitCode}\\)\n$`));
  });

  it("exits with 128+N for a session that signal N ended", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, ["sleep", "300"]);
    const wait = await waiting(workspace, "demo", "--json");
    process.kill(pid, "SIGTERM");
    const waited = await wait.ended;
    expect(waited.exitCode).toBe(143);
    expect(waited.json()).toMatchObject({
      ok: true,
      until: "ended",
      session: { id: "demo", phase: "ended" },
      end: { reason: "signalled", signal: "SIGTERM", exit_code: null },
    });
  });

  it("answers everybody who waits, when somebody stops the session", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, ["sleep", "300"]);
    const waits = [
      await waiting(workspace),
      await waiting(workspace, "demo"),
      await waiting(workspace, "--until", "free"),
    ];
    await workspace.holdfast(["stop", "--reason", "enough"]);
    const codes = await Promise.all(waits.map(async ({ ended }) => (await ended).exitCode));
    expect(codes).toEqual([143, 143, 0]);
  });

  it("answers at once for a session that has ended already, if it is named", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "job", "sh", "-c", "exit 3"]);
    await workspace.holdfast(["run", "--id", "job", "sh", "-c", "exit 4"]);
    await workspace.holdfast(["run", "--id", "other", "sh", "-c", "exit 5"]);
    // Of several the last one.
    expect((await workspace.holdfast(["wait", "job"])).exitCode).toBe(4);
    await startSession(workspace, agent("sleeper.sh"), { id: "active" });
    expect((await workspace.holdfast(["wait", "other"])).exitCode).toBe(5);
  });

  it("does not answer with an older session of that id when the last one did not come to run", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "job", "true"]);
    expect((await workspace.holdfast(["start", "job", "--", "sh", "-c", "exit 7"])).exitCode).toBe(1);
    expect(await workspace.holdfast(["wait", "job"])).toMatchObject({
      exitCode: 1,
      stdout: "❌ job   did not start (exit 7)\n",
    });
    const waited = await workspace.holdfast(["wait", "job", "--json"]);
    expect(waited.json()).toMatchObject({ ok: true, session: null, end: { reason: "start_failed", exit_code: 7 } });
    expect(schemaProblems("wait", waited.json())).toEqual([]);
  });

  it("answers from the log for a session of which nothing else is kept", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "job", "sh", "-c", "exit 3"]);
    await workspace.holdfast(["cleanup", "--ended", "0"]);
    expect(workspace.sessionDirectories()).toEqual([]);
    const waited = await workspace.holdfast(["wait", "job"]);
    expect(waited).toMatchObject({ exitCode: 3, stdout: expect.stringMatching(/job   ended by itself .* \(exit 3\)/) });
  });

  it("waits for a `run` as for any other session", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first", exitCode: 6 });
    const wait = await waiting(workspace, "first");
    await holder.letGo();
    expect((await wait.ended).exitCode).toBe(6);
  });

  it("does not wait for the next session of a queue", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const wait = await waiting(workspace);
    const next = workspace.spawnHoldfast(["run", "--id", "second", ...agent("sleeper.sh")]);
    await until(async () => (await statusOf(workspace)).queue.length === 1);
    await holder.letGo();
    expect((await wait.ended).exitCode).toBe(0);
    await until(async () => (await statusOf(workspace)).session?.id === "second");
    expect(isAlive(next.pid)).toBe(true);
  });

  it.each([
    ["0.3", 300],
    ["250ms", 250],
    ["0", 0],
  ] as const)("--timeout %s gives up with 75, and the session goes on", async (duration, ms) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const waited = await workspace.holdfast(["wait", "--timeout", duration, "--json"]);
    expect(waited.exitCode).toBe(75);
    expect(waited.json().error).toMatchObject({ code: "WAIT_TIMEOUT", retryable: true, waited_seconds: ms / 1000 });
    expect(waited.elapsedMs).toBeGreaterThanOrEqual(ms);
    expect(waited.elapsedMs).toBeLessThan(ms + 4_000);
    expect(await statusOf(workspace)).toMatchObject({ active: true });
  });

  it.each(["ended", "free", "output=never"])(
    "a wait for %s that comes to nothing tells who holds the lock",
    async (what) => {
      const workspace = openWorkspace();
      const { uid } = await startSession(workspace);
      const words = ["wait", "--until", what, "--timeout", "0"];
      const { error } = (await workspace.holdfast([...words, "--json"])).json();
      expect(error).toMatchObject({
        message: `Not ${what} after 0 s: demo holds the lock`,
        holder: { id: "demo", uid },
      });
      const queued = ["start", "next", "--queue", "--", ...agent("sleeper.sh")];
      expect((await workspace.holdfast(queued)).exitCode).toBe(0);
      const [, ...rest] = words;
      expect((await workspace.holdfast(["wait", "next", ...rest, "--json"])).json().error.holder).toMatchObject({
        uid,
      });
    },
  );

  it("--timeout 0 tells what is so now", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "job", "sh", "-c", "exit 3"]);
    expect((await workspace.holdfast(["wait", "job", "--timeout", "0"])).exitCode).toBe(3);
    expect((await workspace.holdfast(["wait", "--until", "free", "--timeout", "0"])).exitCode).toBe(0);
  });

  it.each([
    [["wait"], "NO_SESSION"],
    [["wait", "demo"], "NO_SESSION"],
    [["wait", "--until", "ready"], "NO_SESSION"],
  ])("%j fails with 66 where no such session is known", async (words, code) => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast([...words, "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error.code).toBe(code);
  });

  it("fails with SESSION_MISMATCH for a session that is not the active one, and never was (66, R3.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const refused = await workspace.holdfast(["wait", "other", "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error).toMatchObject({ code: "SESSION_MISMATCH", expected: "other", found: "demo" });
  });
});

describe("wait for a session whose keeper is dead", () => {
  // With leases the processes do not hold the lock: it is lost as soon as its keeper is dead.
  it.skipIf(!hasKernelPulse)("is woken when its processes are gone, and closes it as lost (R2.1, R2.3)", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace, ["sleep", "300"]);
    const wait = await waiting(workspace, "--json");
    process.kill(session.keeperPid, "SIGKILL");
    await until(() => !isAlive(session.keeperPid));
    expect(await statusOf(workspace)).toMatchObject({ session: { id: "demo", state: "orphaned" } });
    expect(isAlive(wait.pid)).toBe(true);
    process.kill(session.pid, "SIGKILL");
    const waited = await wait.ended;
    expect(waited.exitCode).toBe(1);
    expect(waited.json().end).toMatchObject({ reason: "lost", exit_code: null, signal: null });
    expect(workspace.events("ended")).toHaveLength(1);
  });

  it("closes what died before it came, once, for however many (R2.3)", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace, ["sleep", "300"]);
    for (const pid of [session.keeperPid, session.pid]) process.kill(pid, "SIGKILL");
    await until(() => workspace.processes().length === 0);
    const waits = await Promise.all([1, 2, 3].map(() => workspace.holdfast(["wait", "demo", "--json"])));
    for (const waited of waits) {
      expect(waited.exitCode).toBe(1);
      expect(waited.json().end).toMatchObject({ reason: "lost" });
    }
    expect(workspace.events("ended")).toHaveLength(1);
  });
});

describe("wait for a session whose holder is killed while others want the lock", () => {
  it("tells how it ended, whoever closes it (R2.1, R4.6)", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const next = await waitInLine(workspace, ["--id", "second", ...agent("sleeper.sh")]);
    const waits = [await waiting(workspace, "first"), await waiting(workspace)];
    holder.run.signal("SIGKILL");
    process.kill(holder.agentPid, "SIGKILL");
    const codes = await Promise.all(waits.map(async ({ ended }) => (await ended).exitCode));
    expect(codes).toEqual([1, 1]);
    expect((await workspace.holdfast(["wait", "first"])).exitCode).toBe(1);
    expect(isAlive(next.pid)).toBe(true);
    expect(workspace.events("ended")).toMatchObject([{ session: "first", reason: "lost" }]);
  });
});

describe("wait --until", () => {
  it("ready returns when the session runs", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace);
    const waited = await workspace.holdfast(["wait", "--until", "ready", "--json"]);
    expect(waited.exitCode).toBe(0);
    expect(waited.json()).toMatchObject({ until: "ready", session: { pid: session.pid, phase: "running" }, end: null });
  });

  it("refuses what it does not know (64)", async () => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["wait", "--until", "christmas", "--json"]);
    expect(refused.exitCode).toBe(64);
    expect(refused.json().error.message).toContain("christmas");
  });
});

describe("wait inside its own session", () => {
  /** What this `wait` answers, run by the command of the session `demo`, with `nightly` in line behind it. */
  async function answerInside(workspace: Workspace, ...words: string[]) {
    const script = 'mkfifo go; cat go > /dev/null; node "$0" wait "$@" --json; echo exit $?; exec sleep 300';
    const { uid } = await startSession(workspace, ["sh", "-c", script, bin, ...words]);
    await waitInLine(workspace, ["--id", "nightly", "true"]);
    await tell(join(workspace.root, "go"));
    await until(() => workspace.agentOutput(uid).includes("\nexit "));
    const [document = "", exit] = workspace.agentOutput(uid).split("\n");
    return { exit, answer: JSON.parse(document) };
  }

  it.each([[], ["demo"], ["--until", "free"], ["nightly"]])(
    "is refused at once and for good, because it ends with that: %s",
    async (...words) => {
      const { exit, answer } = await answerInside(openWorkspace(), ...words);
      expect(exit).toBe("exit 75");
      expect(answer.error).toMatchObject({ code: "BUSY", retryable: false, session: "demo" });
      expect(answer.error.message).toBe("This command runs inside demo, and ends with it: it would wait for itself");
    },
  );

  it("is told of that end where it outlives it (-o)", async () => {
    const workspace = openWorkspace();
    const script = 'mkfifo go; node "$0" wait --json > told & echo wait $!; cat go > /dev/null';
    await startSession(workspace, ["sh", "-c", script, bin], { options: ["-o"] });
    const pid = await until(() => Number(/^wait (\d+)\n/.exec(workspace.agentOutput())?.[1]) || null);
    await untilItWaits({ pid });
    await tell(join(workspace.root, "go"));
    await until(() => !isAlive(pid));
    expect(JSON.parse(workspace.read("told"))).toMatchObject({ ok: true, end: { reason: "exited" } });
  });

  it("waits until its session is ready", async () => {
    const { exit, answer } = await answerInside(openWorkspace(), "--until", "ready");
    expect(exit).toBe("exit 0");
    expect(answer).toMatchObject({ ok: true, session: { id: "demo", phase: "running" } });
  });
});
