import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive, lookAt, openFilesOf } from "../support/live-processes.ts";
import type { Json } from "../support/program.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, type StartedSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

/** Writes down what it is given: its event, and its variables. */
const noting = 'cat >>told.jsonl; env >"env.$HOLDFAST_HOOK"';
/** Tells that it runs, and does so until there is a file `go`. */
const lingering = "echo $$ >lingering; until [ -e go ]; do sleep 0.02; done; touch over";

/** A project with these hooks; by default those of `start` note what they are given. */
function openHooked(hooks: object = { started: noting, ready: noting, ended: noting }): Workspace {
  const workspace = openWorkspace();
  workspace.configure({ hooks });
  return workspace;
}

/** The events that hooks were given, in order. */
function told(workspace: Workspace): Json[] {
  const lines = workspace.read("told.jsonl").split("\n").slice(0, -1);
  return lines.map((line): Json => JSON.parse(line));
}

/** The variables of holdfast that a hook had. */
function variablesOf(workspace: Workspace, hook: string): Record<string, string> {
  const lines = workspace
    .read(`env.${hook}`)
    .split("\n")
    .filter((line) => line.startsWith("HOLDFAST_"));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** A hook that calls this holdfast. */
function holdfast(...words: string[]): string {
  return [process.execPath, bin, ...words].map((word) => `'${word}'`).join(" ");
}

describe("hooks", () => {
  it("that last longer than a command did that was let go of (-o): nothing is noted of it after its end", async () => {
    const workspace = openHooked({ ended: "cat >/dev/null; sleep 0.2" });
    expect((await workspace.holdfast(["run", "-o", "--", "true"])).exitCode).toBe(0);
    expect(workspace.events("ended")).toHaveLength(1);
    expect(workspace.events("cleaned")).toEqual([]);
  });

  it("of a session are given each event as it was logged, and variables (R4.5)", async () => {
    const workspace = openHooked();
    const { uid, token, pid } = await startSession(workspace, agent("sleeper.sh"), {
      options: ["--ready-command", "true"],
    });
    await workspace.holdfast(["stop"]);
    await workspace.untilEmpty();
    expect(told(workspace)).toEqual(["started", "ready", "ended"].flatMap((kind) => workspace.events(kind)));
    expect(told(workspace)).toHaveLength(3);
    const variables = {
      HOLDFAST_DIR: workspace.root,
      HOLDFAST_LOCK: "session",
      HOLDFAST_SESSION_ID: "demo",
      HOLDFAST_UID: uid,
      HOLDFAST_TOKEN: String(token),
    };
    expect(variablesOf(workspace, "started")).toEqual({
      ...variables,
      HOLDFAST_HOOK: "started",
      HOLDFAST_PID: String(pid),
    });
    expect(variablesOf(workspace, "ready")).toEqual({ ...variables, HOLDFAST_HOOK: "ready" });
    expect(variablesOf(workspace, "ended")).toEqual({
      ...variables,
      HOLDFAST_HOOK: "ended",
      HOLDFAST_REASON: "stopped",
    });
    expect(workspace.events("hook_failed")).toEqual([]);
  });

  it("run for a command of `run`, in the project's root, before it returns (R4.5)", async () => {
    const workspace = openHooked({ started: noting, ended: `${noting}; pwd >where` });
    workspace.write("below/file", "");
    const ran = await workspace.holdfast(["run", "--id", "demo", "sh", "-c", "exit 7"], {
      cwd: join(workspace.root, "below"),
    });
    expect(ran).toMatchObject({ exitCode: 7, stdout: "", stderr: "" });
    expect(told(workspace)).toEqual([...workspace.events("started"), ...workspace.events("ended")]);
    expect(variablesOf(workspace, "ended")).toMatchObject({ HOLDFAST_REASON: "exited", HOLDFAST_EXIT_CODE: "7" });
    expect(workspace.read("where")).toBe(`${workspace.root}\n`);
  });

  it("do not keep start waiting", async () => {
    const workspace = openHooked({ started: lingering });
    await startSession(workspace);
    await until(() => workspace.read("lingering") !== "");
    expect(existsSync(join(workspace.root, "over"))).toBe(false);
    workspace.write("go", "");
    await until(() => existsSync(join(workspace.root, "over")));
  });
});

describe("the hook of `ended` runs once, whoever ends the session (R4.5):", () => {
  const kill = async (workspace: Workspace, ...pids: number[]) => {
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await until(() => !pids.some((pid) => isAlive(pid)));
    expect(workspace.events("ended")).toEqual([]);
  };
  const cases: readonly (readonly [string, (workspace: Workspace, session: StartedSession) => unknown, string])[] = [
    ["its agent exits", (workspace) => workspace.spawn(["sh", "-c", "echo >told"]).ended, "exited"],
    ["stop", (workspace) => workspace.holdfast(["stop"]), "stopped"],
    ["cleanup", (workspace) => workspace.holdfast(["cleanup"]), "stopped"],
    ["its agent is killed", (_, { pid }) => process.kill(pid, "SIGKILL"), "signalled"],
    [
      "its keeper is killed, status closes it",
      async (workspace, { pid, keeperPid }) => {
        await kill(workspace, keeperPid, pid);
        await workspace.holdfast(["status"]);
        expect(told(workspace)).toHaveLength(1);
      },
      "lost",
    ],
    [
      "its keeper is killed, stop ends the rest",
      async (workspace, { keeperPid }) => {
        await kill(workspace, keeperPid);
        await workspace.holdfast(["stop"]);
        expect(told(workspace)).toHaveLength(1);
      },
      "lost",
    ],
  ];
  it.each(cases)("%s", async (_what, end, reason) => {
    const workspace = openHooked({ ended: noting });
    const session = await startSession(workspace, agent("exits-when-told.sh", "told", 0));
    await workspace.announced("agent");
    await end(workspace, session);
    await workspace.untilEmpty();
    await expectFree(workspace);
    expect(told(workspace)).toEqual([endOf(workspace, session.uid)]);
    expect(told(workspace)).toMatchObject([{ reason }]);
    expect(workspace.events("hook_failed")).toEqual([]);
  });

  it("its agent cannot be started", async () => {
    const workspace = openHooked({ started: noting, ended: noting });
    expect((await workspace.holdfast(["start", "demo", "--", "./missing"])).exitCode).toBe(127);
    await workspace.untilEmpty();
    expect(told(workspace)).toMatchObject([{ event: "ended", reason: "start_failed" }]);
  });
});

describe("a hook that fails", () => {
  it("is logged, and changes neither the session nor its exit code (R4.5, R4.7)", async () => {
    const workspace = openHooked({ started: "no-such-command-here", ended: "echo no network >&2; exit 3" });
    const { uid } = await startSession(workspace, agent("exits-when-told.sh", "told", 5));
    await until(() => workspace.events("hook_failed").length > 0);
    const waiting = workspace.spawnHoldfast(["wait", "demo"]);
    await workspace.spawn(["sh", "-c", "echo >told"]).ended;
    expect((await waiting.ended).exitCode).toBe(5);
    await workspace.untilEmpty();
    expect(endOf(workspace, uid)).toMatchObject({ reason: "exited", exit_code: 5 });
    expect(workspace.events("hook_failed")).toMatchObject([
      { hook: "started", command: "no-such-command-here", exit_code: 127, signal: null, uid, session: "demo" },
      { hook: "ended", exit_code: 3, signal: null, message: "no network", uid, session: "demo" },
    ]);
    const logged = await workspace.holdfast(["logs", "--event", "hook_failed"]);
    expect(logged.stdout).toContain("hook ended failed (exit 3): no network");
  });

  it("leaves the exit code and the streams of `run` alone (R4.5)", async () => {
    const workspace = openHooked({ started: "kill -9 $$", ended: "echo out; echo err >&2; exit 1" });
    const ran = await workspace.holdfast(["run", "sh", "-c", "exit 4"]);
    expect(ran).toMatchObject({ exitCode: 4, stdout: "", stderr: "" });
    expect(workspace.events("hook_failed")).toMatchObject([
      { hook: "started", exit_code: null, signal: "SIGKILL" },
      { hook: "ended", exit_code: 1, message: "err" },
    ]);
  });
});

describe("a hook that is still at it when its session has ended", () => {
  const cases = pulsesHere.flatMap((pulse) => ["started", "ended"].map((event) => [event, pulse] as const));
  it.each(cases)("(%s, %s pulse) keeps nobody waiting, and is not ended with it (R4.6)", async (event, pulse) => {
    const workspace = openHooked({ [event]: `${lingering}; touch "over.$HOLDFAST_UID"` });
    const env = { HOLDFAST_PULSE: pulse };
    const first = await startSession(workspace, agent("sleeper.sh"), { env });
    expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
    const hook = await until(() => Number(workspace.read("lingering")) || null);
    const second = await startSession(workspace, agent("sleeper.sh"), { id: "next", env });
    expect(second.token).toBe(first.token + 1);
    expect(lookAt(hook)?.ppid).toBe(first.keeperPid);
    expect(openFilesOf(hook).filter((file) => file.startsWith(join(workspace.state, "claims")))).toEqual([]);
    workspace.write("go", "");
    await until(() => existsSync(join(workspace.root, `over.${first.uid}`)) && !isAlive(first.keeperPid));
    expect(endOf(workspace, first.uid).processes).toMatchObject([{ pid: first.pid }]);
    expect(workspace.events("hook_failed")).toEqual([]);
  });
});

describe("a hook that calls holdfast", () => {
  it("can start the next session when one has ended, and that one's hooks do not run", async () => {
    const start = holdfast("start", "next", "--", ...agent("sleeper.sh"));
    const workspace = openHooked({
      started: noting,
      ended: `[ -e .holdfast/session.lock ] && touch early; ${noting}; ${start}`,
    });
    await startSession(workspace);
    await workspace.holdfast(["stop"]);
    await until(() => workspace.events("started").length === 2);
    expect((await workspace.holdfast(["wait", "--until", "ready", "next"])).exitCode).toBe(0);
    expect((await workspace.holdfast(["stop", "next"])).exitCode).toBe(0);
    await workspace.untilEmpty();
    expect(existsSync(join(workspace.root, "early"))).toBe(false);
    expect(workspace.events("claimed").map(({ session }) => session)).toEqual(["demo", "next"]);
    expect(told(workspace).map(({ event, session }) => [event, session])).toEqual([
      ["started", "demo"],
      ["ended", "demo"],
    ]);
    expect(workspace.events("hook_failed")).toEqual([]);
  });

  it("can look, and stop the session it is about", async () => {
    const workspace = openHooked({
      started: `${holdfast("status", "--json")} >status.json; ${holdfast("stop")}`,
      ended: noting,
    });
    const { uid } = await startSession(workspace);
    await workspace.untilEmpty();
    expect(JSON.parse(workspace.read("status.json"))).toMatchObject({ session: { uid, state: "active" } });
    expect(told(workspace)).toEqual([endOf(workspace, uid)]);
    expect(told(workspace)).toMatchObject([{ reason: "stopped" }]);
    expect(workspace.events("hook_failed")).toEqual([]);
  });
});
