import { chmodSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { startSession, statusOf } from "../support/sessions.ts";
import { openTerminal, whyNoTerminal, type Terminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const holdfast = `node ${join(import.meta.dirname, "../../bin/holdfast.js")}`;
const keys = "j join   s stop   q quit";

/** Opens the view, between two looks at the terminal's settings; what is before it is marked by "before". */
async function watchStatus(workspace: Workspace, { variables = "", every = "200ms" } = {}): Promise<Terminal> {
  const terminal = await openTerminal(workspace);
  await terminal.type("clear; echo be''fore; stty -a >settings");
  await terminal.shows("before");
  await terminal.type(`${variables} ${holdfast} status --watch ${every}; echo "exit $?"; stty -a >settings-after`);
  await terminal.shows(keys);
  return terminal;
}

/** The view has gone, what was on the screen is there again, and the terminal's settings are what they were. */
async function expectRestored(workspace: Workspace, terminal: Terminal, exit = 0): Promise<void> {
  const screen = await terminal.shows(new RegExp(`before[^]*exit ${exit}\\n`));
  expect(screen).not.toContain(keys);
  await until(() => workspace.read("settings-after") !== "");
  expect(workspace.read("settings-after")).toBe(workspace.read("settings"));
}

/** The one holdfast that watches. */
function watcher(workspace: Workspace): number {
  const found = workspace.processes().filter(({ command }) => command.includes("status --watch"));
  expect(found.map(({ command }) => command)).toHaveLength(1);
  return found[0]?.pid ?? 0;
}

beforeEach(({ skip }) => {
  skip(whyNoTerminal !== null, whyNoTerminal ?? "");
});

describe("status --watch on a terminal", () => {
  it("shows session, processes, clients, queue and output as they change; q leaves (R3.5, R5.1)", async () => {
    const workspace = openWorkspace();
    const script = String.raw`mkfifo go; printf '\033[31mfirst\033[0m\n'; read -r _ <go; sleep 300 & echo second; wait`;
    const { pid } = await startSession(workspace, ["sh", "-c", script]);
    const terminal = await watchStatus(workspace);
    const screen = await terminal.shows(/last output\n {3}first\n/);
    expect(screen).toMatch(new RegExp(`^${workspace.root} · lock session · \\d\\d:\\d\\d:\\d\\d\n`, "m"));
    expect(screen).toMatch(/🔒 demo {3}active for .* · token 1 · no clients/);
    expect(screen).toMatch(new RegExp(`${pid} .* recorded`));
    expect(screen).not.toContain("before");
    await workspace.spawn(["sh", "-c", "echo >go"]).ended;
    await terminal.shows(/first\n {3}second\n/);
    const child = workspace.agents().find(({ command }) => command === "sleep 300")?.pid;
    await terminal.shows(new RegExp(`^ {3}${child} `, "m"));
    const waiting = workspace.spawnHoldfast(["run", "--id", "nightly", "--", "true"]);
    await terminal.shows(/queue {7}1 nightly \(.*, waiting/);
    waiting.signal("SIGTERM");
    await until(async () => !(await terminal.screen()).includes("nightly"));
    await workspace.holdfast(["join", "--as", "me", "--pid", String(pid)]);
    await terminal.shows(/clients {5}me/);
    await terminal.press("q");
    await expectRestored(workspace, terminal);
    expect(await statusOf(workspace)).toMatchObject({ active: true, session: { pid } });
  });

  it("fits the terminal, at once when that gets another size", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, ["sh", "-c", `: ${"long ".repeat(60)}; seq 100; exec sleep 300`]);
    await until(() => workspace.agentOutput().endsWith("100\n"));
    const terminal = await watchStatus(workspace, { every: "1h" });
    const cut = (columns: number) => new RegExp(`^ {3}sh -c .{${columns - 10}}…$`, "m");
    const fits = async (columns: number, rows: number) => {
      await terminal.shows(cut(columns));
      const drawn = async () => (await terminal.screen()).split("\n").slice(-rows);
      const lines = await until(async () => (await drawn())[0]?.includes("lock session") === true && drawn());
      expect(lines).toHaveLength(rows);
      expect(lines.slice(-2)).toEqual(["   100", keys]);
    };
    await fits(120, 50);
    for (const [columns, rows] of [
      [60, 15],
      [100, 30],
    ] as const) {
      await terminal.resize(columns, rows);
      await fits(columns, rows);
    }
    await terminal.press("q");
    await terminal.shows("exit 0");
  });

  it("says in the place of an output why that cannot be read, and shows everything else", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace);
    const path = join(workspace.state, "sessions", uid, "output.log");
    rmSync(path);
    mkdirSync(path);
    const terminal = await watchStatus(workspace);
    const why = "This file cannot be trusted: it is not a file: ";
    expect(await terminal.shows(why)).toMatch(new RegExp(`🔒 demo[^]*recorded[^]*last output\n {3}${why}`));
    rmdirSync(path);
    writeFileSync(path, "and again\n");
    await terminal.shows(/last output\n {3}and again\n/);
  });

  it.each(["SIGTERM", "SIGHUP", "SIGINT"] as const)("restores the terminal at %s", async (signal) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const terminal = await watchStatus(workspace);
    process.kill(watcher(workspace), signal);
    await expectRestored(workspace, terminal);
  });

  it("restores the terminal when it crashes, and then says why", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    workspace.write("crash.cjs", `process.on("SIGUSR2", () => { throw new Error("it broke"); });`);
    const terminal = await watchStatus(workspace, { variables: `NODE_OPTIONS="--require ./crash.cjs"` });
    process.kill(watcher(workspace), "SIGUSR2");
    await terminal.shows(/before[^]*Error: it broke/);
    await expectRestored(workspace, terminal, 1);
  });

  it("ends when the terminal goes away", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace);
    const terminal = await watchStatus(workspace);
    const watching = watcher(workspace);
    await terminal.close();
    await until(() => !workspace.processes().some((each) => each.pid === watching));
    expect(await statusOf(workspace)).toMatchObject({ session: { pid, state: "active" } });
  });

  it("Ctrl-C leaves; other keys do nothing", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace);
    const terminal = await watchStatus(workspace);
    for (const key of ["x", "y", "Up", "M-q", "M-s", "Enter"]) await terminal.press(key);
    await terminal.press("C-c");
    await expectRestored(workspace, terminal);
    expect(await statusOf(workspace)).toMatchObject({ session: { pid, state: "active" } });
  });

  it.each(["Ctrl-Z", "SIGTSTP"])("%s gives the terminal back until it goes on", async (how) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const terminal = await watchStatus(workspace);
    if (how === "Ctrl-Z") await terminal.press("C-z");
    else process.kill(watcher(workspace), "SIGTSTP");
    expect(await terminal.shows(/before[^]*Stopped/)).not.toContain(keys);
    await until(() => workspace.read("settings-after") !== "");
    expect(workspace.read("settings-after")).toBe(workspace.read("settings"));
    await terminal.type("fg");
    await terminal.shows(keys);
    await terminal.press("q");
    expect(await terminal.shows(/before[^]*fg\n[^]*\n\$$/)).not.toContain(keys);
  });

  it("s asks; whatever is not y keeps the session, y stops it, and the view stays (R3.4, R5.5)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace);
    const terminal = await watchStatus(workspace);
    await terminal.press("s");
    await terminal.shows(/\nStop demo\? y\/n$/);
    await terminal.press("n");
    await terminal.shows(/quit$/);
    expect(await statusOf(workspace)).toMatchObject({ session: { pid, state: "active" } });
    await terminal.press("s");
    await terminal.shows("Stop demo? y/n");
    await terminal.press("y");
    const screen = await terminal.shows(/No active session[^]*🛑 demo {3}stopped by/);
    expect(screen).toMatch(/quit$/);
    expect(workspace.events("stop_requested")).toHaveLength(1);
    await terminal.press("s");
    await until(async () => !(await terminal.screen()).includes("🛑"));
    expect(await terminal.screen()).not.toContain("Stop demo");
    await startSession(workspace, agent("sleeper.sh"), { id: "next" });
    await terminal.shows("🔒 next");
    await terminal.press("q");
    await expectRestored(workspace, terminal);
  });

  it("says why a stop is refused, and goes on (R3.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { options: ["--owner", "ci"] });
    const terminal = await watchStatus(workspace);
    await terminal.press("s");
    await terminal.shows("Stop demo? y/n");
    await terminal.press("y");
    await terminal.shows(/✖ demo belongs to ci\nj join/);
    expect(workspace.events("stop_requested")).toEqual([]);
  });

  it("j goes on as join does (R3.3)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, ["sh", "-c", "echo output; exec sleep 300"]);
    const terminal = await watchStatus(workspace);
    await terminal.press("j");
    const screen = await terminal.shows(/🤝 demo {3}joined as [^]*\noutput$/);
    expect(screen).toContain("before");
    expect((await statusOf(workspace)).session.active_clients).toBe(1);
    await terminal.press("C-c");
    await terminal.shows("👋");
    await expectRestored(workspace, terminal);
    expect((await statusOf(workspace)).session.active_clients).toBe(0);
  });

  it("watches where there is nothing yet, says once what goes wrong, and goes on", async () => {
    const workspace = openWorkspace();
    const terminal = await watchStatus(workspace);
    await terminal.shows("No active session");
    await terminal.press("j");
    await terminal.shows(/No active session\nj join/);
    await startSession(workspace);
    await terminal.shows("🔒 demo");
    chmodSync(workspace.state, 0o777);
    await terminal.shows("✖ ");
    await terminal.press("x");
    await until(async () => !(await terminal.screen()).includes("✖"));
    chmodSync(workspace.state, 0o700);
    await workspace.holdfast(["stop"]);
    await terminal.shows("No active session");
    await terminal.press("q");
    await expectRestored(workspace, terminal);
  });
});
