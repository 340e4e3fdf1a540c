import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Config } from "../../../src/home/config.ts";
import { Journal } from "../../../src/journal/journal.ts";
import { readEventsBackward } from "../../../src/journal/read.ts";
import { firesHooks } from "../../../src/session/hook-calls.ts";
import type { HookCommand, HookFailure } from "../../../src/session/hook-command.ts";
import { Hooks } from "../../../src/session/hooks.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { sampleEvents } from "../journal/sample-events.ts";

const by = { user: "dev", host: "build1", pid: 100, tty: null };
const everyHook = { started: "a", ready: "b", ended: "c", orphaned: "d", queued: "e" };

interface Rig {
  readonly journal: Journal;
  readonly hooks: Hooks;
  /** What was run, in order. */
  readonly ran: HookCommand[];
}

/** A log whose hooks run `run` instead of a shell. */
function openRig(
  commands: Config["hooks"],
  run: (command: HookCommand) => Promise<HookFailure | null> = () => Promise.resolve(null),
  env: NodeJS.ProcessEnv = {},
): Rig {
  const state = temporaryDirectory();
  const ran: HookCommand[] = [];
  const hooks = new Hooks({
    commands,
    root: "/project",
    state,
    env,
    by,
    append: (event) => journal.append(event),
    hasConsent: () => true,
    run: (command) => {
      ran.push(command);
      return run(command);
    },
  });
  const journal = new Journal(join(state, "holdfast.log"), undefined, (event, line) => hooks.fire(event, line));
  return { journal, hooks, ran };
}

describe("Hooks", () => {
  it("runs the hook of each event that has one, with the line as it was logged, and no other (R4.5)", async () => {
    const { journal, hooks, ran } = openRig(everyHook);
    for (const event of Object.values(sampleEvents)) journal.append(event);
    await hooks.settled();
    expect(ran.map(({ command, env }) => [env["HOLDFAST_HOOK"], command])).toEqual([
      ["started", "a"],
      ["ready", "b"],
      ["ended", "c"],
      ["queued", "e"],
      ["orphaned", "d"],
    ]);
    const logged = [...readEventsBackward(journal.path)].toReversed();
    for (const { env, input, cwd } of ran) {
      expect(input).toMatch(/^[^\n]+\n$/);
      expect(JSON.parse(input)).toEqual(logged.find(({ event }) => event === env["HOLDFAST_HOOK"]));
      expect(cwd).toBe("/project");
    }
  });

  it("tells in variables what the event says, and nothing of a session around the caller", async () => {
    const around = {
      HOLDFAST_SESSION: "outer",
      HOLDFAST_ANCESTORS: "outermost",
      HOLDFAST_CLOSE: "1",
      HOLDFAST_DEPTH: "2",
      HOLDFAST_TOKEN: "7",
      HOLDFAST_SLOT: "2",
      HOLDFAST_UID: "outer",
      HOLDFAST_EXIT_CODE: "9",
      HOLDFAST_OWNER: "ci",
      PATH: "/bin",
    };
    const { journal, hooks, ran } = openRig(everyHook, undefined, around);
    journal.append(sampleEvents.started);
    journal.append(sampleEvents.queued);
    journal.append({ ...sampleEvents.ended, reason: "exited", exit_code: 0 });
    await hooks.settled();
    const always = { PATH: "/bin", HOLDFAST_OWNER: "ci", HOLDFAST_DIR: "/project", HOLDFAST_LOCK: "session" };
    const session = { HOLDFAST_SESSION_ID: "demo", HOLDFAST_UID: sampleEvents.started.uid, HOLDFAST_TOKEN: "42" };
    expect(ran.map(({ env }) => env)).toEqual([
      { ...always, ...session, HOLDFAST_HOOK: "started", HOLDFAST_PID: "29625" },
      { ...always, HOLDFAST_HOOK: "queued", HOLDFAST_SESSION_ID: "nightly" },
      { ...always, ...session, HOLDFAST_HOOK: "ended", HOLDFAST_REASON: "exited", HOLDFAST_EXIT_CODE: "0" },
    ]);
  });

  it("runs one after another, in the order of the events, and none twice", async () => {
    const finish: (() => void)[] = [];
    const { journal, hooks, ran } = openRig(
      everyHook,
      () => new Promise((resolve) => finish.push(() => resolve(null))),
    );
    journal.append(sampleEvents.ready);
    journal.append(sampleEvents.started);
    const settled = hooks.settled();
    await Promise.resolve();
    expect(ran.map(({ command }) => command)).toEqual(["b"]);
    finish.shift()?.();
    await expect.poll(() => finish.length).toBe(1);
    expect(ran.map(({ command }) => command)).toEqual(["b", "a"]);
    finish.shift()?.();
    await settled;
    expect(ran).toHaveLength(2);
  });

  it("begins after the task that holds them, also when that fails", async () => {
    const { journal, hooks, ran } = openRig(everyHook);
    let ranMeanwhile = -1;
    const task = hooks.hold(async () => {
      journal.append(sampleEvents.ended);
      await hooks.settled();
      ranMeanwhile = ran.length;
      throw new Error("no");
    });
    await expect(task).rejects.toThrow("no");
    await hooks.settled();
    expect(ranMeanwhile).toBe(0);
    expect(ran.map(({ command }) => command)).toEqual(["c"]);
  });

  it.each([
    ["that failed", () => Promise.resolve({ exitCode: 3, signal: null, message: "no network" }), [3, "no network"]],
    ["that could not be run", () => Promise.reject(new Error("no shell")), [null, "no shell"]],
  ])("logs a hook %s, and goes on with the next (R4.7)", async (_what, run, [exitCode, message]) => {
    const { journal, hooks, ran } = openRig(everyHook, run);
    journal.append(sampleEvents.started);
    journal.append(sampleEvents.queued);
    await hooks.settled();
    expect(ran).toHaveLength(2);
    const [second, first] = [...readEventsBackward(journal.path, { kinds: ["hook_failed"] })];
    const failed = { exit_code: exitCode, signal: null, message, by };
    const { session, uid, token } = sampleEvents.started;
    expect(first).toMatchObject({ ...failed, hook: "started", command: "a", session, uid, token });
    expect(second).toMatchObject({ ...failed, hook: "queued", command: "e", session: "nightly" });
  });

  it("survives a log that cannot be written", async () => {
    const failing = (): never => {
      throw new Error("disk full");
    };
    const run = () => Promise.resolve({ exitCode: 1, signal: null, message: "" });
    const hooks = new Hooks({
      commands: everyHook,
      root: "/",
      state: "/",
      env: {},
      by,
      append: failing,
      run,
      hasConsent: () => true,
    });
    hooks.fire(sampleEvents.ended, "{}");
    await expect(hooks.settled()).resolves.toBeUndefined();
  });

  it("gives each at most ten seconds", async () => {
    const { journal, hooks, ran } = openRig(everyHook);
    journal.append(sampleEvents.ended);
    await hooks.settled();
    expect(ran.map(({ timeoutMs }) => timeoutMs)).toEqual([10_000]);
  });
});

describe("firesHooks", () => {
  it.each([
    [{}, {}, false],
    [{ ended: "a" }, {}, true],
    [{ ended: "a" }, { HOLDFAST_HOOK: "" }, true],
    [{ ended: "a" }, { HOLDFAST_HOOK: "queued" }, false],
  ])("%j in %j: %s", (hooks, env, expected) => {
    expect(firesHooks(hooks, env)).toBe(expected);
  });
});
