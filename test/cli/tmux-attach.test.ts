import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { openTerminal, type Terminal } from "../support/terminal.ts";
import { holdfastIn, startInTmux, statusIn, tmux, tmuxEnvironment, whyNoTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const holdfast = `node ${join(import.meta.dirname, "../../bin/holdfast.js")}`;
/** An agent that repeats each line it gets. */
const parrot = ["sh", "-c", 'echo hello; while read -r line; do echo "said $line"; done'];

beforeEach(({ skip }) => {
  skip(whyNoTmux !== null, whyNoTmux ?? "");
});

/** A terminal, itself within tmux, in which a `join` has attached. */
async function attached(workspace: Workspace, ...options: string[]): Promise<Terminal> {
  const terminal = await openTerminal(workspace);
  await terminal.type(`${holdfast} join --as me ${options.join(" ")}; echo "exit $?"`);
  await terminal.shows("holdfast demo");
  return terminal;
}

/** Presses the keys that leave: given to the pane, they go past the keys of the tmux that the terminal is. */
async function detach(terminal: Terminal): Promise<void> {
  await terminal.press("C-b");
  await terminal.press("d");
}

describe("join of a session in tmux, on a terminal (R3.3, R4.1)", () => {
  it("attaches to it, from within another tmux too, and is a client until it detaches (R5.2)", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, parrot);
    const terminal = await attached(workspace);
    await terminal.shows("hello");
    const status = await statusIn(workspace);
    expect(status.session).toMatchObject({
      active_clients: 1,
      clients: [{ name: "me" }],
      terminal: { attached: 1, columns: 120, rows: 49 },
    });
    await terminal.type("polly");
    await terminal.shows("said polly");
    await detach(terminal);
    const screen = await terminal.shows("exit 0");
    expect(screen).toContain("Ctrl-b Ctrl-b d leaves; demo goes on");
    expect(screen).toMatch(/👋 me \(PID \d+\) left demo/);
    expect(workspace.events("left")).toMatchObject([{ client: { name: "me" }, reason: "left" }]);
    expect((await statusIn(workspace)).session).toMatchObject({ active_clients: 0, terminal: { attached: 0 } });
    expect(isAlive(session.pid)).toBe(true);
    expect(workspace.agentOutput(session.uid)).toContain("said polly");
  });

  it("lets nobody type with --read-only", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, parrot);
    const terminal = await attached(workspace, "--read-only");
    await terminal.shows("hello");
    await terminal.type("ignored");
    expect((await holdfastIn(workspace)("join", "--send", "heard")).exitCode).toBe(0);
    await terminal.shows("said heard");
    expect(workspace.agentOutput(session.uid)).not.toContain("ignored");
    await detach(terminal);
    await terminal.shows("exit 0");
    expect(isAlive(session.pid)).toBe(true);
  });

  it("ends with the session, and says so; the log has who left with it", async () => {
    const workspace = openWorkspace();
    await startInTmux(workspace);
    const terminal = await attached(workspace);
    await holdfastIn(workspace)("stop");
    expect(await terminal.shows("exit 0")).toContain("demo has ended");
    expect(workspace.events("left")).toMatchObject([{ client: { name: "me" }, reason: "ended" }]);
  });

  it("is left also when the terminal goes away (R2.6)", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace);
    const terminal = await attached(workspace);
    await terminal.close();
    await until(async () => (await statusIn(workspace)).session.active_clients === 0);
    expect(isAlive(session.pid)).toBe(true);
  });

  it("follows the output where the terminal cannot show more", async () => {
    const workspace = openWorkspace();
    await startInTmux(workspace, parrot);
    const terminal = await openTerminal(workspace);
    await terminal.type(`TERM=dumb ${holdfast} join; echo "exit $?"`);
    await terminal.shows("this terminal cannot show a tmux session: following the output of demo");
    await terminal.shows("hello");
    await terminal.press("C-c");
    await terminal.shows("exit 0");
    expect((await statusIn(workspace)).session.active_clients).toBe(0);
  });

  it("is refused in the session's own terminal, which would show itself", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, ["sh"]);
    await holdfastIn(workspace)("join", "--send", `${holdfast} join; echo "exit $?"`);
    const shown = () => tmux(workspace, session.socket, "capture-pane", "-p", "-t", "demo:");
    await until(async () => (await shown()).includes("exit 64"));
    expect(await shown()).toContain("This terminal is demo's own");
    expect((await statusIn(workspace)).session.active_clients).toBe(0);
  });

  it("registers the caller, as always, without a terminal", async () => {
    const workspace = openWorkspace();
    await startInTmux(workspace);
    const joined = await holdfastIn(workspace)("join", "--json", "--pid", String(process.pid));
    expect(joined.json()).toMatchObject({ ok: true, active_clients: 1 });
    await holdfastIn(workspace)("leave", "--pid", String(process.pid));
  });
});

describe("join --send (R4.1)", () => {
  it("types lines into the agent's terminal, as they are, and logs how many", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, ["cat"]);
    const lines = ["one; two;", "", "C-c Enter", "-l --", "it's $HOME #{pid}", "grün 🔒", "back\\;", "x".repeat(3000)];
    const sent = await holdfastIn(workspace)(
      "join",
      "demo",
      "--as",
      "bot",
      "--json",
      "--send",
      `${lines.join("\n")}\n`,
    );
    expect(sent.json()).toMatchObject({ ok: true, session: { id: "demo", uid: session.uid }, lines: lines.length });
    // Each comes twice: echoed by the terminal, and by the agent.
    const output = () => workspace.agentOutput(session.uid).replaceAll("\r\n", "\n");
    await until(() => output().endsWith(`${lines.at(-1)}\n`) && output().includes("back\\;\n"));
    for (const line of lines) expect(output()).toContain(`${line}\n`);
    expect(workspace.events("typed")).toMatchObject([{ session: "demo", lines: lines.length, by: { name: "bot" } }]);
    expect(workspace.events("joined")).toEqual([]);
  });

  it("takes the end of a line as Windows writes it for one Return, and not two", async () => {
    const workspace = openWorkspace();
    const session = await startInTmux(workspace, ["cat"]);
    const sent = await holdfastIn(workspace)("join", "--json", "--send", "one\r\ntwo\r\n");
    expect(sent.json()).toMatchObject({ ok: true, lines: 2 });
    const output = () => workspace.agentOutput(session.uid).replaceAll("\r\n", "\n");
    await until(() => output().split("two\n").length === 3);
    expect(output().split("\n").toSorted()).toEqual(["", "one", "one", "two", "two"]);
  });

  it("is refused for a session without a terminal, and beside what it does not go with", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["start", "demo", "--", ...agent("sleeper.sh")]);
    const refused = await workspace.holdfast(["join", "--json", "--send", "x"]);
    expect(refused).toMatchObject({ exitCode: 64 });
    expect(refused.json().error).toMatchObject({
      code: "USAGE",
      message: "Nothing can be typed into demo: it does not run in tmux, and its input is empty",
    });
    for (const words of [["--no-follow"], ["--read-only"], ["--pid", "5"], ["--", "true"]]) {
      const beside = await workspace.holdfast(["join", "--send", "x", ...words], { env: tmuxEnvironment(workspace) });
      expect(beside).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("--send") });
    }
  });
});
