import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, removeState } from "../support/sessions.ts";
import {
  historyOf,
  holdfastIn,
  socketsIn,
  startInTmux,
  statusIn,
  tmux,
  tmuxEnvironment,
  whyNoTmux,
  type TmuxSession,
} from "../support/tmux.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

beforeEach(({ skip }) => {
  skip(whyNoTmux !== null, whyNoTmux ?? "");
});

/** No process, no socket, no lock: nothing is left of any session here. */
async function expectNothingLeft(workspace: Workspace): Promise<void> {
  await expectFree(workspace);
  expect(socketsIn(workspace)).toEqual([]);
}

async function killKeeper({ keeperPid }: TmuxSession): Promise<void> {
  process.kill(keeperPid, "SIGKILL");
  await until(() => !isAlive(keeperPid));
}

describe("stop of a session in tmux (R4.2)", () => {
  it("ends the agent with the signal alone, then tmux; names the agent, and keeps its history (R4.8)", async () => {
    const workspace = openWorkspace();
    const script = [
      "for (const s of ['SIGHUP', 'SIGTERM']) process.on(s, () => console.log('got', s));",
      "process.on('SIGTERM', () => setTimeout(() => process.exit(5), 50));",
      "console.log('ready'); setInterval(() => {}, 1000);",
    ].join(" ");
    const session = await startInTmux(workspace, [process.execPath, "-e", script]);
    await until(() => workspace.agentOutput(session.uid).includes("ready"));
    const stopped = await holdfastIn(workspace)("stop", "--json");
    // Its terminal is there to the end: there is no HUP beside the TERM.
    expect(stopped.json().end).toMatchObject({ reason: "stopped", exit_code: 5, signal: null, survivors: [] });
    const ended = stopped.json().end.processes.map(({ pid }: { pid: number }) => pid);
    expect(ended).toContain(session.pid);
    expect(ended).not.toContain(session.serverPid);
    expect(historyOf(workspace, session)).toBe("ready\ngot SIGTERM\n");
    expect(workspace.agentOutput(session.uid)).toContain("got SIGTERM");
    await expectNothingLeft(workspace);
  });

  it("keeps all of a long history, and what was wrapped in one line", async () => {
    const workspace = openWorkspace();
    const script = "seq 3000; printf '%0300d\\n' 7; echo done; exec sleep 300";
    const session = await startInTmux(workspace, ["sh", "-c", script]);
    await until(() => workspace.agentOutput(session.uid).includes("done"));
    await holdfastIn(workspace)("stop");
    const lines = historyOf(workspace, session).split("\n");
    expect(lines.slice(0, 3000)).toEqual(Array.from({ length: 3000 }, (_, index) => String(index + 1)));
    expect(lines.slice(3000)).toEqual([`${"0".repeat(299)}7`, "done", ""]);
  });

  it("is not held up by very many blanks in one line", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, ["sh", "-c", "printf '%300000s\\n' x; echo done; exec sleep 300"]);
    await until(() => workspace.agentOutput(session.uid).includes("done"));
    const stopped = await holdfastIn(workspace)("stop", "--json");
    expect(stopped.json().end).toMatchObject({ reason: "stopped", survivors: [] });
    expect(historyOf(workspace, session)).toMatch(/^ +x\ndone\n$/);
    await expectNothingLeft(workspace);
  });

  it("keeps the screen that a program has of its own, as editors do, and what it leaves behind", async () => {
    const workspace = openWorkspace();
    const script =
      "echo before; printf '\\033[?1049h\\033[Hin the editor'; trap 'printf \"\\033[?1049l\"; echo after; exit' TERM; echo; while :; do sleep 0.05; done";
    const session = await startInTmux(workspace, ["sh", "-c", script]);
    await until(() => workspace.agentOutput(session.uid).includes("in the editor"));
    await holdfastIn(workspace)("stop");
    expect(historyOf(workspace, session)).toContain("in the editor");
    expect(historyOf(workspace, session)).toContain("before\nafter\n");
  });

  it("kills an agent that ignores it, and what a person runs in another window", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, agent("ignores-term.sh"), { options: ["--kill-after", "0.3"] });
    await tmux(workspace, session.socket, "new-window", "-d", "trap '' HUP TERM; sleep 301; sleep 302");
    const other = await until(() => workspace.agents().find(({ command }) => command === "sleep 301"));
    const stopped = await holdfastIn(workspace)("stop", "--json");
    expect(stopped.json().end).toMatchObject({ reason: "stopped", signal: "SIGKILL", survivors: [] });
    expect(isAlive(other.pid)).toBe(false);
    await expectNothingLeft(workspace);
  });

  it("ends a tmux that hangs", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace);
    process.kill(session.serverPid, "SIGSTOP");
    expect((await statusIn(workspace)).session).toMatchObject({ state: "active", terminal: null });
    const stopped = await holdfastIn(workspace)("stop", "--json");
    expect(stopped.json().end).toMatchObject({ reason: "stopped", survivors: [] });
    await expectNothingLeft(workspace);
  });
});

describe("a session in tmux whose socket cannot be looked at any more", () => {
  it("has a status, and stop ends the agent and tmux", async () => {
    const workspace = openWorkspace();
    const sockets = join(workspace.root, "sockets");
    mkdirSync(sockets);
    const session = await startInTmux(workspace, agent("sleeper.sh"), { env: { TMUX_TMPDIR: sockets } });
    renameSync(sockets, `${sockets}.aside`);
    workspace.write("sockets", "no directory");
    expect((await statusIn(workspace)).session).toMatchObject({ state: "active", terminal: null });
    const sent = await holdfastIn(workspace)("join", "--send", "hello", "--json");
    expect(sent.json().error).toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining("(ENOTDIR)") });
    const stopped = await holdfastIn(workspace)("stop", "--json");
    expect(stopped.json().end).toMatchObject({ reason: "stopped", survivors: [] });
    expect([session.pid, session.serverPid].map((pid) => isAlive(pid))).toEqual([false, false]);
    await expectFree(workspace);
  });
});

describe("a session in tmux ends", () => {
  it("when its agent does, whatever a person runs in another window (R4.2)", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, agent("exits-when-told.sh", "go", 3));
    await tmux(workspace, session.socket, "new-window", "sleep 301");
    await tmux(workspace, session.socket, "split-window", "sleep 302");
    await workspace.spawn(["sh", "-c", "echo >go"]).ended;
    expect((await holdfastIn(workspace)("wait", "demo")).exitCode).toBe(3);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "exited", exit_code: 3, survivors: [] });
    await expectNothingLeft(workspace);
  });

  it.each([
    ["the server", ["kill-server"]],
    ["the agent's pane, beside another", ["kill-pane", "-t", "%0"]],
  ])("when somebody kills %s: how the agent ended is not known", async (_, words) => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace);
    await tmux(workspace, session.socket, "new-window", "-d", "sleep 301");
    await tmux(workspace, session.socket, ...words);
    expect((await holdfastIn(workspace)("wait", "demo")).exitCode).toBe(1);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "exited", exit_code: null, signal: null });
    await expectNothingLeft(workspace);
  });

  it("when SIGKILL ends the server", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace);
    process.kill(session.serverPid, "SIGKILL");
    await holdfastIn(workspace)("wait", "demo");
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "exited", exit_code: null });
    await expectNothingLeft(workspace);
  });

  it("not when its agent is started again: in the same pane, for whoever looks at it", async () => {
    const workspace = openWorkspace();
    const options = ["--restart", "on-failure", "--max-restarts", "1"];
    const session = await startInTmux(workspace, agent("exits-again.sh", "go"), { options });
    const say = (code: number) => workspace.spawn(["sh", "-c", `echo ${code} >go`]).ended;
    const child = await workspace.announced("child");
    await say(4);
    const again = await until(() => workspace.announcements("agent")[1]);
    expect(isAlive(child)).toBe(false);
    expect(await tmux(workspace, session.socket, "list-panes", "-a", "-F", "#{pane_id} #{pane_pid}")).toBe(
      `%0 ${again}`,
    );
    expect(lookAt(again)).toMatchObject({ ppid: session.serverPid });
    await until(() => workspace.events("restarted").length === 1);
    expect(workspace.events("restarted")).toMatchObject([{ pid: again, exit_code: 4 }]);
    await say(6);
    expect((await holdfastIn(workspace)("wait", "demo")).exitCode).toBe(6);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "exited", exit_code: 6 });
    expect(workspace.agentOutput(session.uid).match(/^agent /gm)).toHaveLength(2);
    await expectNothingLeft(workspace);
  });

  it("not when tmux is killed and its agent is to be started again: then in a new tmux", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, agent("sleeper.sh"), { options: ["--restart", "always"] });
    await tmux(workspace, session.socket, "kill-server");
    const again = await until(() => workspace.announcements("agent")[1]);
    await until(async () => (await statusIn(workspace)).session.pid === again);
    expect(await tmux(workspace, session.socket, "list-panes", "-a", "-F", "#{pane_pid}")).toBe(String(again));
    expect(lookAt(again)?.ppid).not.toBe(session.serverPid);
    await holdfastIn(workspace)("stop");
    await expectNothingLeft(workspace);
  });
});

it("an agent whose state directory was removed is started again in a new tmux, and its output recorded (R1.3, R3.1)", async () => {
  const workspace = openWorkspace();
  const session = await startInTmux(workspace, agent("sleeper.sh"), { options: ["--restart", "always"] });
  removeState(workspace);
  await until(() => workspace.events("lock_restored").length > 0);
  process.kill(session.pid, "SIGKILL");
  const again = await until(() => workspace.announcements("agent")[1]);
  await until(() => workspace.agentOutput(session.uid).includes(`agent ${again}`), { what: "its output is recorded" });
  await until(async () => (await statusIn(workspace)).session.pid === again);
  expect(workspace.events("restarted")).toMatchObject([{ pid: again, restarts: 1, signal: "SIGKILL" }]);
  await holdfastIn(workspace)("stop");
  await expectNothingLeft(workspace);
});

/** For `node --require`: there is no room to publish a pane. */
const paneDoesNotFit = `
const fs = require("node:fs");
const { writeSync } = fs;
fs.writeSync = (descriptor, data, ...rest) => {
  if (String(data).includes('"pane":"%')) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  return writeSync(descriptor, data, ...rest);
};
`;

describe("a session in tmux that cannot be published", () => {
  it("has not started, and nothing of it runs on (R1.1)", async () => {
    const workspace = openWorkspace();
    const preload = workspace.write("full.cjs", paneDoesNotFit);
    const env = { ...tmuxEnvironment(workspace), NODE_OPTIONS: `--require ${preload}` };
    const words = ["start", "demo", "--tmux", "--kill-after", "300ms", "--", ...agent("ignores-term.sh")];
    const failed = await workspace.holdfast(words, { env });
    expect(failed).toMatchObject({ exitCode: 73, stderr: expect.stringContaining("the disk is full (ENOSPC)") });
    expect(workspace.events("ended")).toMatchObject([{ reason: "start_failed", survivors: [] }]);
    await expectNothingLeft(workspace);
  });
});

describe.each(pulsesHere)("a session in tmux whose keeper was killed (%s pulse)", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  it.each([
    ["stop", "demo"],
    ["cleanup", "--orphans"],
    ["watch", "--once"],
  ])("is orphaned; %s ends the agent and tmux, and keeps the history (R2.3, R4.8)", async (...command) => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, agent("sleeper.sh"), { env });
    await until(() => workspace.agentOutput(session.uid) !== "", { what: "the pane shows what the agent says" });
    await killKeeper(session);
    const status = await statusIn(workspace);
    expect(status.session).toMatchObject({ uid: session.uid, state: "orphaned", terminal: { attached: 0 } });
    const call = { env: { ...env, TMUX_TMPDIR: join(workspace.root, "elsewhere") } };
    expect((await workspace.holdfast(command, call)).exitCode).toBe(0);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "lost", survivors: [] });
    expect(historyOf(workspace, session)).toBe(`agent ${session.pid}\n`);
    await expectNothingLeft(workspace);
  });

  it("is over when its agent ends by itself: tmux goes with it, and the next one starts (R4.6)", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, agent("exits-when-told.sh", "go"), { env });
    await killKeeper(session);
    await workspace.spawn(["sh", "-c", "echo >go"]).ended;
    // Mostly by itself. tmux 3.3 loses a pane's end now and then; then whoever is next in line ends it.
    const next = await startInTmux(workspace, agent("sleeper.sh"), { id: "next", env, options: ["--wait", "20"] });
    expect(isAlive(session.serverPid)).toBe(false);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "lost" });
    expect(socketsIn(workspace)).toEqual([next.socket.split("/").at(-1)]);
    await holdfastIn(workspace)("stop");
  });
});
