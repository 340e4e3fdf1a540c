import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { configureLauncher, startConfigured } from "../support/launched.ts";
import { tmuxEnvironment, whyNoTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("an agent that is to be started again, and", () => {
  const ways = [
    ["", []],
    ["in tmux, ", ["--tmux"]],
  ] as const;

  const becomes = [
    ["is gone", () => undefined],
    // Node throws that at once, in place of telling it later.
    ["is a file", (path: string) => writeFileSync(path, "")],
  ] as const;
  const cases = ways.flatMap(([way, options]) => becomes.map(([what, put]) => [way, what, options, put] as const));

  it.each(whyNoTmux === null ? cases : cases.filter(([, , options]) => options.length === 0))(
    "%swhose directory %s by then, ends its session, and the log says why",
    async (_, __, options, put) => {
      const workspace = openWorkspace();
      const env = tmuxEnvironment(workspace);
      const cwd = join(workspace.root, "work");
      mkdirSync(cwd);
      const start = ["start", "demo", "--restart", "always", "--json", ...options, "--", ...agent("sleeper.sh")];
      const started = await workspace.holdfast(start, { env, cwd });
      expect(started.exitCode).toBe(0);
      const { uid, pid } = started.json().session;
      rmdirSync(cwd);
      put(cwd);
      process.kill(pid, "SIGKILL");
      await workspace.holdfast(["wait", "demo"], { env });
      const message = `The working directory does not exist\n${cwd}`;
      expect(workspace.events("start_failed")).toMatchObject([{ uid, reason: "USAGE", message }]);
      expect(endOf(workspace, uid)).toMatchObject({ reason: "start_failed" });
      await expectFree(workspace, { env });
    },
  );

  it("ends before it is ready, is started again, as any that fails", async () => {
    const workspace = openWorkspace();
    await workspace.spawn(["mkfifo", "fifo"], { input: "" }).ended;
    // The second one is done before it has said that it is ready.
    const command =
      'n=$(cat n 2>/dev/null); echo "1$n" >n; [ "$n" != 1 ] || { sleep 0.4; exit 3; }; echo ready; read -r code <fifo; exit "$code"';
    const options = ["--restart", "on-failure", "--ready-output", "^ready$"];
    const { uid } = await startSession(workspace, ["sh", "-c", command], { options });
    await tell(join(workspace.root, "fifo"), "1");
    await until(() => workspace.events("ready").length === 2);
    expect(workspace.events("restarted")).toMatchObject([
      { uid, exit_code: 1 },
      { uid, exit_code: 3 },
    ]);
    expect((await statusOf(workspace)).session).toMatchObject({ uid, state: "active", restarts: 2 });
    await workspace.holdfast(["stop"]);
    expect(workspace.events("start_failed")).toEqual([]);
    endOf(workspace, uid);
    await expectFree(workspace);
  });
});

it("no agent is started again beside what cannot be ended, and the log names that (R2.3, R3.3)", async () => {
  const workspace = openWorkspace();
  const preload = fileURLToPath(new URL("../fixtures/preloads/may-not-signal.cjs", import.meta.url));
  const env = { NODE_OPTIONS: `--require=${preload}`, FORBIDDEN: join(workspace.root, "left") };
  const command = ["sh", "-c", "sleep 300 & echo $! >left; exec sleep 301"];
  const start = ["start", "demo", "--restart", "always", "--kill-after", "100ms", "--json", "--", ...command];
  const { uid, pid } = (await workspace.holdfast(start, { env })).json().session;
  const left = Number(await until(() => workspace.read("left") || null));
  process.kill(pid, "SIGKILL");
  await until(() => workspace.events("ended").length > 0);
  expect(workspace.events("restarted")).toEqual([]);
  expect(workspace.events("cleaned")).toMatchObject([{ result: `PID ${left} lives on (not_permitted): sleep 300` }]);
  expect(endOf(workspace, uid)).toMatchObject({
    reason: "start_failed",
    survivors: [{ pid: left, why: "not_permitted" }],
  });
  process.kill(left, "SIGKILL");
  await until(() => workspace.agents().length === 0);
  await expectFree(workspace);
});

it("stop names what cannot be ended, and exits with 1 (R3.4)", async () => {
  const workspace = openWorkspace();
  const preload = fileURLToPath(new URL("../fixtures/preloads/may-not-signal.cjs", import.meta.url));
  const env = { NODE_OPTIONS: `--require=${preload}`, FORBIDDEN: join(workspace.root, "left") };
  const command = ["sh", "-c", "sleep 300 & echo $! >left; exec sleep 301"];
  await workspace.holdfast(["start", "demo", "--kill-after", "100ms", "--", ...command], { env });
  const left = Number(await until(() => workspace.read("left") || null));
  const stopped = await workspace.holdfast(["stop", "--json"]);
  expect(stopped.exitCode).toBe(1);
  expect(stopped.json()).toMatchObject({ ok: true, end: { survivors: [{ pid: left, why: "not_permitted" }] } });
  process.kill(left, "SIGKILL");
  await until(() => workspace.agents().length === 0);
  await expectFree(workspace);
});

it("a launcher that hangs when it is to start its agent again is ended by stop, and has not failed (R1.1)", async () => {
  const workspace = openWorkspace();
  const launch = "[ ! -e slow ] || exec sleep 301; sleep 300 & echo agent $! >>$ANNOUNCE";
  configureLauncher(workspace, [], { command: ["sh", "-c", launch], pid_file: null });
  const { session } = await startConfigured(workspace, ["--restart", "always"]);
  workspace.write("slow", "");
  process.kill(session.pid, "SIGKILL");
  await until(() => workspace.agents().some(({ command }) => command === "sleep 301"));
  const stopped = await workspace.holdfast(["stop", "--json"]);
  expect(stopped.json().end).toMatchObject({ reason: "stopped", processes: [{ command: "sleep 301" }] });
  expect(workspace.events("start_failed")).toEqual([]);
  endOf(workspace, session.uid);
  await expectFree(workspace);
});
