import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { machineWithClock, setClock } from "../support/clock.ts";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { hasKernelPulse, pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, survivorsOf, type StartedSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

interface Case {
  readonly end: string;
  /** What brings it about; a fifo `told` waits for a line. */
  readonly bring: (session: StartedSession, workspace: Workspace) => unknown;
  readonly exitsWith?: number;
  readonly expected: object;
}

const tell = (_: StartedSession, workspace: Workspace) => workspace.spawn(["sh", "-c", "echo >told"]).ended;
const signal = (name: NodeJS.Signals, whom: "pid" | "keeperPid") => (session: StartedSession) =>
  process.kill(session[whom], name);
const stopped = { reason: "stopped", exit_code: null, signal: "SIGTERM" };

const cases: readonly Case[] = [
  { end: "exit 0", bring: tell, expected: { reason: "exited", exit_code: 0, signal: null } },
  { end: "exit 3", bring: tell, exitsWith: 3, expected: { reason: "exited", exit_code: 3, signal: null } },
  {
    end: "a signal to the agent (SIGSEGV)",
    bring: signal("SIGSEGV", "pid"),
    expected: { reason: "signalled", exit_code: null, signal: "SIGSEGV" },
  },
  {
    end: "SIGKILL to the agent",
    bring: signal("SIGKILL", "pid"),
    expected: { reason: "signalled", exit_code: null, signal: "SIGKILL" },
  },
  { end: "stop", bring: (_, workspace) => workspace.holdfast(["stop"]), expected: stopped },
  { end: "SIGTERM to the keeper (R2.2)", bring: signal("SIGTERM", "keeperPid"), expected: stopped },
  { end: "SIGINT to the keeper (R2.2)", bring: signal("SIGINT", "keeperPid"), expected: stopped },
  { end: "SIGHUP to the keeper (R2.2)", bring: signal("SIGHUP", "keeperPid"), expected: stopped },
];

describe.each(pulsesHere)("every end leaves exactly one `ended`, and nothing active (R2.1; %s pulse):", (pulse) => {
  it.each(cases.map((each) => [each.end, each] as const))("%s", async (_, { bring, exitsWith = 0, expected }) => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: pulse };
    const session = await startSession(workspace, agent("exits-when-told.sh", "told", exitsWith), { env });
    await workspace.announced("agent");
    await bring(session, workspace);
    await workspace.untilEmpty();

    const end = endOf(workspace, session.uid);
    expect(end).toMatchObject({ ...expected, session: "demo" });
    expect(Date.parse(end.ended_at)).toBeGreaterThan(Date.parse(workspace.events("started")[0]?.["time"]));
    expect(Date.parse(end.ended_at)).toBeLessThanOrEqual(Date.parse(end.time));
    expect(end.duration_seconds).toBeGreaterThan(0);
    expect(end.duration_seconds * 1000).toBeLessThanOrEqual(
      Date.parse(end.ended_at) - Date.parse(workspace.events("claimed")[0]?.["time"]) + 1000,
    );
    await expectFree(workspace, { env });
  });
});

describe("what an end takes with it", () => {
  it("the children of an agent that was killed, and names them (R2.1, R4.2)", async () => {
    const workspace = openWorkspace();
    const { pid, uid } = await startSession(workspace, agent("family.sh"));
    const [child, grandchild] = [await workspace.announced("child"), await workspace.announced("grandchild")];
    process.kill(pid, "SIGKILL");
    await workspace.untilEmpty();
    const end = endOf(workspace, uid);
    expect(end).toMatchObject({ reason: "signalled", signal: "SIGKILL" });
    expect(new Set(end.processes.map((each: { pid: number }) => each.pid))).toEqual(new Set([child, grandchild]));
  });

  it.each(pulsesHere)(
    "what is still in the group of an agent that was killed, with nothing else to tell whose it is (%s pulse, R2.1, R4.2)",
    async (pulse) => {
      const workspace = openWorkspace();
      const env = { HOLDFAST_PULSE: pulse };
      const options = ["--restart", "on-failure", "--max-restarts", "1"];
      const own = { ...env, ...machineWithClock(workspace, "its") };
      const { pid, uid } = await startSession(workspace, agent("scrubbed-child.sh"), { env: own, options });
      const isScrubbed = (child: number) => until(() => lookAt(child)?.command.endsWith("sleep 300"));
      const first = await workspace.announced("child");
      await isScrubbed(first);
      // What began before it seems to have begun in an hour.
      setClock(workspace, "its", -3_600_000);
      process.kill(pid, "SIGKILL");
      const second = await until(() => workspace.announcements("child")[1]);
      await isScrubbed(second);
      expect(survivorsOf([first])).toEqual([]);
      expect(workspace.events("process_ended")).toMatchObject([{ uid, pid: first }]);
      const [{ pid: again } = { pid: 0 }] = workspace.events("restarted");
      process.kill(Number(again), "SIGKILL");
      await until(() => workspace.keepers().length === 0);
      expect(survivorsOf([second])).toEqual([]);
      expect(endOf(workspace, uid)).toMatchObject({ reason: "signalled", processes: [{ pid: second }], survivors: [] });
      await expectFree(workspace, { env });
    },
  );

  it("an agent that ignores SIGTERM, when the keeper gets it (R2.2)", async () => {
    const workspace = openWorkspace();
    const { keeperPid, uid } = await startSession(workspace, agent("ignores-term.sh"), { options: ["-k", "500ms"] });
    await workspace.announced("agent");
    process.kill(keeperPid, "SIGTERM");
    await until(() => workspace.keepers().length === 0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", signal: "SIGKILL" });
    await expectFree(workspace);
  });
});

describe("a keeper that cannot look at the processes", () => {
  const preload = fileURLToPath(new URL("../fixtures/preloads/cannot-look.cjs", import.meta.url));

  const blind = (workspace: Workspace, script: string) => {
    return { NODE_OPTIONS: `--require ${preload}`, BLIND: join(workspace.root, "blind"), BLIND_IN: script };
  };

  async function startBlind(workspace: Workspace, fixture = "sleeper.sh"): Promise<StartedSession> {
    return startSession(workspace, agent(fixture), { env: blind(workspace, "keeper.js") });
  }

  it.each([
    ["child", "sleeper.sh"],
    ["parent", "family.sh"],
  ])(
    "ends an agent at once, with its group, that it cannot look at when it has just started it (%s, R2.4)",
    async (what, fixture) => {
      const workspace = openWorkspace();
      workspace.write("blind", `${what} once`);
      const failed = await workspace.holdfast(["start", "demo", "--json", "--", ...agent(fixture)], {
        env: blind(workspace, "keeper.js"),
      });
      expect(failed.json().error).toMatchObject({ code: "IO", errno: "EMFILE" });
      expect(workspace.agents()).toEqual([]);
      await until(() => workspace.keepers().length === 0);
      await expectFree(workspace);
    },
  );

  it("ends a command of run at once that it cannot look at when it has just started it (R2.4)", async () => {
    const workspace = openWorkspace();
    workspace.write("blind", "child once");
    const env = blind(workspace, "holdfast.js");
    const failed = await workspace.holdfast(["run", "--json", "sleep", "300"], { env });
    expect(failed.json().error).toMatchObject({ code: "IO", errno: "EMFILE" });
    expect(workspace.agents()).toEqual([]);
    await expectFree(workspace);
  });

  it("goes on when it only wanted to know how many there are", async () => {
    const workspace = openWorkspace();
    workspace.write("blind", "/proc/stat once");
    const ran = await workspace.holdfast(["run", "sh", "-c", "sleep 0.3; exit 3"], {
      env: blind(workspace, "holdfast.js"),
    });
    expect(ran).toMatchObject({ exitCode: 3, stderr: "" });
    expect(workspace.read("blind")).toBe("");
    await expectFree(workspace);
  });

  it("looks again, and ends what there is (R2.4)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startBlind(workspace);
    workspace.write("blind", "/proc once");
    expect((await workspace.holdfast(["stop"])).exitCode).toBe(0);
    expect(workspace.read("blind")).toBe("");
    expect(isAlive(pid)).toBe(false);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", processes: [{ pid, how: "SIGTERM" }] });
    await expectFree(workspace);
  });

  it.skipIf(!hasKernelPulse)("looks again for what only the claim tells of (R4.2)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startBlind(workspace, "scrubbed-daemon.sh");
    const daemon = await workspace.announced("daemon");
    await until(() => lookAt(daemon)?.ppid === 1 && lookAt(daemon)?.command === "sleep 300");
    workspace.write("blind", `/proc/${daemon}/fd once`);
    process.kill(pid, "SIGKILL");
    await until(() => workspace.keepers().length === 0);
    expect(workspace.read("blind")).toBe("");
    expect(survivorsOf([daemon])).toEqual([]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "signalled", processes: [{ pid: daemon }] });
    await expectFree(workspace);
  });

  it("does not start an agent again beside what the one before may have left (R3.2)", async () => {
    const workspace = openWorkspace();
    const env = blind(workspace, "keeper.js");
    const options = ["--restart", "always"];
    const { uid, pid, keeperPid } = await startSession(workspace, agent("family.sh"), { env, options });
    const left = await Promise.all(["child", "grandchild"].map((name) => workspace.announced(name)));
    workspace.write("blind", "/proc");
    process.kill(pid, "SIGKILL");
    await until(() => !isAlive(keeperPid), { what: "the keeper gives up" });
    expect(workspace.events("restarted")).toEqual([]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "start_failed", processes: [] });
    const refused = await workspace.holdfast(["start", "next", "--json", "--", ...agent("sleeper.sh")]);
    expect(refused.json().error).toMatchObject({
      code: "AGENTS_RUNNING",
      processes: left.map((each) => ({ pid: each })),
    });
    expect((await workspace.holdfast(["stop"])).exitCode).toBe(0);
    expect(survivorsOf(left)).toEqual([]);
    await expectFree(workspace);
  });

  it("leaves it to the next one, who is not started beside what may be there (R3.2)", async () => {
    const workspace = openWorkspace();
    const { uid, pid, keeperPid } = await startBlind(workspace);
    workspace.write("blind", "/proc");
    process.kill(keeperPid, "SIGTERM");
    await until(() => !isAlive(keeperPid), { what: "the keeper gives up" });
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", processes: [] });
    const refused = await workspace.holdfast(["start", "next", "--json", "--", ...agent("sleeper.sh")]);
    expect(refused.json().error).toMatchObject({ code: "AGENTS_RUNNING", processes: [{ pid }] });
    expect((await workspace.holdfast(["stop"])).exitCode).toBe(0);
    expect(isAlive(pid)).toBe(false);
    await expectFree(workspace);
  });
});

/** For `node --require`: a keeper's lease takes longer to remove than it takes to look around once more. */
const slowToRemove = `
const fs = require("node:fs");
const { rmdir } = fs;
const isKeeper = process.argv[1]?.endsWith("keeper.js");
fs.rmdir = (path, ...rest) => {
  if (isKeeper && path.includes(".lease-")) setTimeout(() => rmdir(path, ...rest), 1500);
  else rmdir(path, ...rest);
};
`;

describe("a lease that takes long to be given back", () => {
  it("is not looked after any more: nothing is said behind the end of its session (R2.1)", async () => {
    const workspace = openWorkspace();
    const preload = workspace.write("slow.cjs", slowToRemove);
    const env = { HOLDFAST_PULSE: "lease", NODE_OPTIONS: `--require ${preload}` };
    const { uid, keeperPid } = await startSession(workspace, agent("sleeper.sh"), { env });
    expect((await workspace.holdfast(["stop"], { env: { HOLDFAST_PULSE: "lease" } })).exitCode).toBe(0);
    await until(() => !isAlive(keeperPid), { what: "the keeper is gone" });
    endOf(workspace, uid);
    expect(workspace.events().at(-1)).toMatchObject({ event: "ended", uid });
    await expectFree(workspace);
  });
});
