import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { environmentOf, lookAt } from "../support/live-processes.ts";
import { endOf, expectFree } from "../support/sessions.ts";
import {
  historyOf,
  holdfastIn,
  socketsIn,
  startInTmux,
  statusIn,
  tmux,
  tmuxEnvironment,
  whyNoTmux,
} from "../support/tmux.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

beforeEach(({ skip }) => {
  skip(whyNoTmux !== null, whyNoTmux ?? "");
});

describe("start --tmux (R4.1)", () => {
  it("runs the agent in a tmux session called like its own, and status says how to attach", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, agent("sleeper.sh"), { id: "my.demo" });
    expect(await tmux(workspace, session.socket, "list-panes", "-a", "-F", "#{session_name} #{pane_pid}")).toBe(
      `my_demo ${session.pid}`,
    );
    expect(lookAt(session.pid)).toMatchObject({ command: "sleep 300", ppid: session.serverPid });
    const status = await statusIn(workspace);
    expect(status.session).toMatchObject({
      state: "active",
      tmux: { name: "my_demo", socket: session.socket },
      terminal: { attached: 0, columns: 200, rows: 50 },
    });
    expect(status.session.processes.map(({ pid }: { pid: number }) => pid)).toContain(session.serverPid);
    const shown = await holdfastIn(workspace)("status");
    expect(shown.stdout).toContain("tmux        holdfast join my.demo attaches · shown nowhere · 200x50");
  });

  it("records what the pane shows to output.log, from the first byte on, and logs and wait read it", async () => {
    const workspace = openWorkspace();
    const { uid } = await startInTmux(workspace, ["sh", "-c", "echo first; printf 'grün\\n'; exec sleep 300"]);
    const waited = await holdfastIn(workspace)("wait", "--until", "output=^grün$", "--timeout", "10");
    expect(waited.exitCode).toBe(0);
    expect(workspace.agentOutput(uid)).toBe("first\r\ngrün\r\n");
    expect((await holdfastIn(workspace)("logs", "-o")).stdout).toContain("first");
  });

  it("gives the agent its whole environment, its directory, and the very words of its command", async () => {
    const workspace = openWorkspace();
    const directory = join(workspace.root, "it's #S %H $HOME; here");
    mkdirSync(directory);
    const long = "x".repeat(40_000);
    const env = { LONG: long, COLUMNS: "33", LINES: "7", TMUX: "/elsewhere,1,0", TMUX_PANE: "%7", ODD: "a\nb;" };
    const words = ["", " ", "it's", '"', "$HOME", ";", "#{pid}", "%H", "a\nb", "\\;", "~", "*", "-x", long];
    const script =
      "const fs = require('fs'); fs.writeFileSync(process.argv[1], JSON.stringify([process.cwd(), process.argv.slice(2), process.env])); setInterval(() => {}, 1000)";
    const seen = join(workspace.root, "seen.json");
    const started = await workspace.holdfast(
      ["start", "demo", "--tmux", "--json", "--", process.execPath, "-e", script, "--", seen, ...words],
      { env: { ...tmuxEnvironment(workspace), ...env }, cwd: directory },
    );
    expect(started.exitCode).toBe(0);
    const [cwd, argv, environment] = await until(() => JSON.parse(workspace.read("seen.json")));
    expect(cwd).toBe(directory);
    expect(argv).toEqual(words);
    const { session } = started.json();
    expect(environment).toMatchObject({
      LONG: long,
      ODD: "a\nb;",
      PATH: environmentOf(session.pid, "PATH"),
      HOLDFAST_SESSION: session.uid,
      HOLDFAST_SESSION_ID: "demo",
      HOLDFAST_TOKEN: "1",
      HOLDFAST_DIR: workspace.root,
      TMUX: expect.stringContaining(session.tmux.socket),
      TERM: expect.stringMatching(/^(tmux|screen)/),
    });
    expect(Object.keys(environment)).not.toContain("COLUMNS");
  });

  it("ends with its agent, exits with its code, and leaves nothing but a copy of the history (R2.1, R4.2, R4.8)", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, agent("exits-when-told.sh", "go", 7));
    await workspace.spawn(["sh", "-c", "echo >go"]).ended;
    expect((await holdfastIn(workspace)("wait", "demo")).exitCode).toBe(7);
    expect(endOf(workspace, session.uid)).toMatchObject({
      reason: "exited",
      exit_code: 7,
      processes: [],
      survivors: [],
    });
    expect(historyOf(workspace, session)).toBe(`agent ${session.pid}\n`);
    await expectFree(workspace);
    expect(socketsIn(workspace)).toEqual([]);
  });

  it("tells which signal has ended its agent", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace);
    process.kill(session.pid, "SIGUSR1");
    expect((await holdfastIn(workspace)("wait", "demo")).exitCode).toBe(138);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "signalled", signal: "SIGUSR1" });
  });

  it.each([
    [["no-such"], "NOT_FOUND", 127],
    [["./.git"], "NOT_EXECUTABLE", 126],
    [["sh", "-c", "echo why; exit 3"], "START_FAILED", 1],
  ])("fails as without tmux, and leaves no tmux: %j is %s", async (command, code, exitCode) => {
    const workspace = openWorkspace();
    const env = tmuxEnvironment(workspace);
    const failed = await workspace.holdfast(["start", "demo", "--tmux", "--json", "--", ...command], { env });
    expect(failed.exitCode).toBe(exitCode);
    expect(failed.json().error).toMatchObject({ code });
    await expectFree(workspace);
    expect(socketsIn(workspace)).toEqual([]);
  });

  it("runs two locks of one directory at once, each in its own", async () => {
    const workspace = openWorkspace();
    const one = await startInTmux(workspace);
    const two = await startInTmux(workspace, agent("sleeper.sh"), { options: ["--lock", "other"] });
    expect(one.socket).not.toBe(two.socket);
    expect((await holdfastIn(workspace)("stop")).exitCode).toBe(0);
    expect(lookAt(one.pid)).toBeNull();
    expect(await tmux(workspace, two.socket, "list-panes", "-a", "-F", "#{pane_pid}")).toBe(String(two.pid));
    expect((await holdfastIn(workspace)("stop", "--lock", "other")).exitCode).toBe(0);
    await expectFree(workspace);
  });

  it("is taken with --queue, --ready-output and --max-time as without it", async () => {
    const workspace = openWorkspace();
    const first = await startInTmux(workspace, agent("exits-when-told.sh", "go"));
    const env = tmuxEnvironment(workspace);
    const script = "echo all set; exec sleep 300";
    const options = ["--tmux", "--queue", "--ready-output", "^all set$", "--max-time", "1", "--json"];
    const queued = await workspace.holdfast(["start", "next", ...options, "--", "sh", "-c", script], { env });
    expect(queued.json()).toMatchObject({ queued: true });
    await workspace.spawn(["sh", "-c", "echo >go"]).ended;
    expect((await holdfastIn(workspace)("wait", "next")).exitCode).toBe(143);
    expect(endOf(workspace, first.uid)).toMatchObject({ exit_code: 0 });
    const { uid } = queued.json().session;
    expect(endOf(workspace, uid)).toMatchObject({ reason: "max_time", signal: "SIGTERM" });
    expect(workspace.events("ready")).toMatchObject([{ session: "next" }]);
    expect(historyOf(workspace, { uid })).toBe("all set\n");
    await expectFree(workspace);
  });
});

describe("start --tmux is refused", () => {
  it.each([
    ["there is none in PATH", null, "--tmux needs tmux, and there is none in PATH"],
    ["it is too old", "echo tmux 3.1c", "--tmux needs tmux 3.2 or newer, and this is tmux 3.1c"],
    ["it cannot be run", "echo damaged >&2; exit 1", "tmux cannot be run: damaged"],
  ])("with UNAVAILABLE, before anything is taken, when %s", async (_, script, says) => {
    const workspace = openWorkspace();
    const bin = join(workspace.root, "bin");
    mkdirSync(bin);
    if (script !== null) chmodSync(workspace.write("bin/tmux", `#!/bin/sh\n${script}\n`), 0o700);
    const env = { ...tmuxEnvironment(workspace), PATH: bin };
    const refused = await workspace.holdfast(["start", "demo", "--tmux", "--json", "--", "/bin/true"], { env });
    expect(refused.exitCode).toBe(69);
    expect(refused.json().error).toMatchObject({ code: "UNAVAILABLE", message: says });
    expect(workspace.events()).toEqual([]);
  });

  it.each(["tmux 3.2", "tmux next-3.6", "tmux 4.0", "tmux master"])("but not by a version %s", async (version) => {
    const workspace = openWorkspace();
    const script = `case $1 in -V) echo "${version}" ;; *) echo "no more of it" >&2; exit 1 ;; esac`;
    mkdirSync(join(workspace.root, "bin"));
    chmodSync(workspace.write("bin/tmux", `#!/bin/sh\n${script}\n`), 0o700);
    const env = { ...tmuxEnvironment(workspace), PATH: join(workspace.root, "bin") };
    const refused = await workspace.holdfast(["start", "demo", "--tmux", "--json", "--", "/bin/true"], { env });
    expect(refused.json().error).toMatchObject({
      message: expect.stringContaining("Cannot start tmux: no more of it"),
    });
    await expectFree(workspace);
  });

  it("says how to get tmux", async () => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["start", "demo", "--tmux", "--", "/bin/true"], { env: { PATH: "" } });
    expect(refused.stderr).toContain("apt install tmux");
  });

  it.each([
    ["--close", "--close lets go of what outlives the agent"],
    ["--launcher", "--tmux: a launcher leaves its agent in the background"],
  ])("with USAGE beside %s", async (option, says) => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["start", "demo", "--tmux", option, "--", "true"]);
    expect(refused).toMatchObject({ exitCode: 64, stderr: expect.stringContaining(says) });
  });

  it("with UNAVAILABLE where the path of its socket would be too long", async () => {
    const workspace = openWorkspace();
    const directory = join(workspace.root, "long".repeat(20));
    mkdirSync(directory);
    const env = { ...tmuxEnvironment(workspace), TMUX_TMPDIR: directory };
    const refused = await workspace.holdfast(["start", "demo", "--tmux", "--json", "--", "true"], { env });
    expect(refused.json().error).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("TMUX_TMPDIR"),
    });
    expect(workspace.events()).toEqual([]);
  });

  it("with NOT_PERMITTED where others can write to the directory of its socket", async () => {
    const workspace = openWorkspace();
    const directory = join(workspace.root, `tmux-${process.getuid?.() ?? 0}`);
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    const env = tmuxEnvironment(workspace);
    const refused = await workspace.holdfast(["start", "demo", "--tmux", "--json", "--", "sleep", "300"], { env });
    expect(refused.exitCode).toBe(77);
    expect(refused.json().error.message).toContain(dirname(join(directory, "socket")));
    await expectFree(workspace);
  });
});
