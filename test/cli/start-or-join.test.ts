import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import type { RunningProgram } from "../support/program.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const isLinux = process.platform === "linux";
const preloads = join(import.meta.dirname, "../fixtures/preloads");

describe("start --or-join that looked before another one was faster", () => {
  it.each(pulsesHere.flatMap((pulse) => [[], ["--wait", "20s"], ["--queue"]].map((options) => ({ pulse, options }))))(
    "joins the session of the same command ($pulse pulse, $options)",
    async ({ pulse, options }) => {
      const workspace = openWorkspace();
      workspace.configure({ pulse });
      const late = await startLate(workspace, [...options, "--", ...agent("sleeper.sh")]);
      const first = await startSession(workspace, agent("sleeper.sh"), { id: "first" });
      const joined = await late.ended;
      expect(joined).toMatchObject({ exitCode: 0 });
      expect(joined.json()).toMatchObject({ joined: true, token: first.token, session: { uid: first.uid } });
      expect(await statusOf(workspace)).toMatchObject({ queue: [], session: { uid: first.uid } });
    },
  );

  it("is refused because of another command, and shows both", async () => {
    const workspace = openWorkspace();
    const late = await startLate(workspace, ["--", "sleep", "7"]);
    await startSession(workspace);
    expect((await late.ended).json().error).toMatchObject({
      code: "BUSY",
      active_command: agent("sleeper.sh"),
      wanted_command: ["sleep", "7"],
    });
  });
});

describe("start --or-join --wait, when the same command was ahead of it in line", () => {
  it("joins its session", async () => {
    const { late, ahead } = await startBehind();
    const { session } = (await ahead.ended).json();
    expect((await late.ended).json()).toMatchObject({ joined: true, session: { id: "ahead", uid: session.uid } });
  });

  it.runIf(isLinux)("waits on and starts its own when that has ended before it could be joined", async () => {
    const workspace = openWorkspace();
    const file = join(workspace.root, "pids");
    const env = { NODE_OPTIONS: `--require ${join(preloads, "too-late-to-join.cjs")}`, THEIR_PIDS: file };
    const { late, ahead } = await startBehind(workspace, env);
    const { session } = (await ahead.ended).json();
    // Not just any: the one before it may be on its way out.
    const { keeper_pid: keeperPid } = (await statusOf(workspace)).session;
    // In its place only when all of it is written.
    writeFileSync(`${file}.new`, `${keeperPid} ${session.pid}`);
    renameSync(`${file}.new`, file);
    expect((await late.ended).json()).toMatchObject({ joined: false, session: { id: "late" } });
  });
});

/** Two that want to start the same command: one that is next in line, and one behind it that would rather join it. */
async function startBehind(workspace = openWorkspace(), env: NodeJS.ProcessEnv = {}) {
  const holder = await holdLock(workspace);
  const words = (id: string, ...options: string[]) => ["start", id, ...options, "--wait", "20s", "--json"];
  const ahead = workspace.spawnHoldfast([...words("ahead"), "--", ...agent("sleeper.sh")]);
  await until(() => ahead.stderr().includes("waiting"));
  // Held still, it keeps its place but cannot take the lock when that becomes free.
  ahead.signal("SIGSTOP");
  await holder.letGo();
  const late = workspace.spawnHoldfast([...words("late", "--or-join"), "--", ...agent("sleeper.sh")], { env });
  await until(() => late.stderr().includes("waiting"));
  ahead.signal("SIGCONT");
  return { ahead, late };
}

it.each(pulsesHere)(
  "start --or-join does not join a session that is ending, but waits for its end if told to (%s)",
  async (pulse) => {
    const workspace = openWorkspace();
    workspace.configure({ pulse });
    const command = agent("ignores-term.sh");
    await startSession(workspace, command);
    const stopping = workspace.spawnHoldfast(["stop", "--kill-after", "10m"]);
    await until(async () => (await statusOf(workspace)).session.state === "ending");
    const words = ["start", "other", "--or-join", "--json"];
    const { error } = (await workspace.holdfast([...words, "--", ...command])).json();
    expect(error).toMatchObject({ code: "BUSY", message: "Session already active: demo, which is ending" });
    const late = workspace.spawnHoldfast([...words, "--wait", "20s", "--", ...command]);
    await until(() => late.stderr().includes("waiting"));
    await workspace.holdfast(["stop", "demo", "--kill-after", "0"]);
    expect((await late.ended).json()).toMatchObject({ joined: false, session: { id: "other" } });
    expect((await stopping.ended).exitCode).toBe(0);
  },
);

/** A `start --or-join` that has found nobody, and is about to take the lock when somebody else takes it. */
async function startLate(workspace: Workspace, words: readonly string[]): Promise<RunningProgram> {
  const env = {
    NODE_OPTIONS: `--require ${join(preloads, "comes-late.cjs")}`,
    COMES_LATE: "session.1",
    ARRIVED: join(workspace.root, "arrived"),
  };
  const late = workspace.spawnHoldfast(["start", "late", "--or-join", "--json", ...words], { env });
  await until(() => existsSync(join(workspace.root, "arrived")), { what: "it is about to take the lock" });
  return late;
}
