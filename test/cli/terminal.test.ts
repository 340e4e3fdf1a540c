import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { openTerminal, whyNoTerminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const holdfast = `node ${join(import.meta.dirname, "../../bin/holdfast.js")}`;

beforeEach(({ skip }) => {
  skip(whyNoTerminal !== null, whyNoTerminal ?? "");
});

describe("on a terminal", () => {
  it("status shows the session as a card, in colour; piped it has none", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace);
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} status; ${holdfast} status | cat > piped`);
    await until(() => workspace.read("piped") !== "");
    const screen = await terminal.prompts();
    expect(screen).toMatch(/🔒 demo {3}active for .* · token 1 · no clients · started by /);
    expect(screen).toContain(".holdfast/session.lock");
    expect(screen).toMatch(/PID +UPTIME +MEMORY +CPU +TTY +USER +STARTED/);
    expect(screen).toMatch(new RegExp(`${session.pid} .* recorded`));
    const coloured = await terminal.screen(true);
    expect(coloured).toContain("\u001B[1mdemo");
    const piped = workspace.read("piped");
    expect(piped).toContain("demo");
    expect(piped).not.toContain("\u001B");
  });

  it.each([
    ["NO_COLOR=1", "", false],
    ["", "--no-color", false],
    ["TERM=dumb", "", false],
    ["NO_COLOR=1", "--color", true],
    // https://no-color.org: "when present and not an empty string".
    ["NO_COLOR=", "", true],
  ])("decides on colours as it is told: %s %s", async (variables, option, coloured) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const terminal = await openTerminal(workspace);
    await terminal.type(`${variables} ${holdfast} status ${option}`.trim());
    await terminal.shows("recorded");
    // tmux itself writes only escapes that something on the screen needs.
    expect((await terminal.screen(true)).includes("\u001B[")).toBe(coloured);
  });

  it("symbols are ASCII where there is no Unicode", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const terminal = await openTerminal(workspace);
    await terminal.type(`LANG=C ${holdfast} status`);
    const screen = await terminal.shows("recorded");
    expect(screen).toContain("* demo   active for");
    // oxlint-disable-next-line no-control-regex -- all but ASCII
    expect(screen).not.toMatch(/[^\u0000-\u007f]/);
  });

  it("a refusal says who holds the lock, and what to type next (R3.1)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace);
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} start other -- true; echo "exit $?"`);
    const screen = await terminal.shows("exit 75");
    const card = screen.slice(screen.indexOf("✖")).split("\n");
    expect(card[0]).toBe("✖ Session already active: demo");
    expect(card[1]).toContain(` · PID ${pid} · `);
    expect(card.slice(2, 5)).toEqual([
      "   join it    holdfast join demo",
      "   wait       holdfast start other --wait 10m -- true",
      "   stop it    holdfast stop demo",
    ]);
  });

  it("names the terminal it was started from in the log and in status", async () => {
    const workspace = openWorkspace();
    const terminal = await openTerminal(workspace);
    await terminal.type(`tty; ${holdfast} start demo -- sleep 300`);
    const screen = await terminal.shows("stop it");
    const tty = /\/dev\/(pts\/\d+)/.exec(screen)?.[1];
    expect(workspace.events("claimed")).toMatchObject([{ by: { tty } }]);
    expect((await workspace.holdfast(["status"])).stdout).toContain(`on ${tty}`);
  });
});

describe("start --wait on a terminal", () => {
  it("takes back that it waits as soon as it has the lock, and dies of Ctrl-C from then on", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    const terminal = await openTerminal(workspace, { columns: 150 });
    const words = "start second --wait 5m --ready-output NEVER --ready-timeout 10s -- sleep 300";
    await terminal.type(`${holdfast} ${words}`);
    await terminal.shows("first holds the lock");
    await workspace.holdfast(["stop", "first"]);
    await until(async () => !(await terminal.screen()).includes("first holds the lock"));
    expect((await statusOf(workspace)).session).toMatchObject({ id: "second", state: "starting" });
    await terminal.press("C-c");
    await terminal.prompts();
    await terminal.type('echo "exit $?"');
    await terminal.shows("exit 130");
  });
});

describe("join on a terminal", () => {
  it("says of a run that it shows nothing of what that writes, and until when it stays", async () => {
    const workspace = openWorkspace();
    const terminal = await openTerminal(workspace);
    const holder = await holdLock(workspace);
    await terminal.type(`${holdfast} join; echo "exit $?"`);
    await terminal.shows("Nothing of what it writes is shown: it is a run, and writes to where it was called");
    await holder.letGo();
    expect(await terminal.shows("exit 0")).toContain("holder has ended");
  });

  it("shows the session and follows its output; Ctrl-C leaves, and the session goes on (R3.3, R5.2)", async () => {
    const workspace = openWorkspace();
    const script = "mkfifo go; echo first; read -r _ <go; echo second; exec sleep 300";
    const session = await startSession(workspace, ["sh", "-c", script]);
    await until(() => existsSync(join(workspace.root, "go")));
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} join --as me; echo "exit $?"`);
    const joined = await terminal.shows("first");
    expect(joined).toMatch(/🤝 demo {3}joined as me \(PID \d+\)/);
    expect((await statusOf(workspace)).session.clients).toMatchObject([{ name: "me" }]);
    await workspace.spawn(["sh", "-c", "echo >go"]).ended;
    await terminal.shows("second");
    await terminal.press("C-c");
    expect(await terminal.shows("exit 0")).toMatch(/👋 me \(PID \d+\) left demo/);
    expect(await statusOf(workspace)).toMatchObject({
      session: { pid: session.pid, state: "active", active_clients: 0 },
    });
    expect(workspace.events("left")).toMatchObject([{ client: { name: "me" }, reason: "left" }]);
  });

  it("ends by itself when the session ends", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"));
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} join; echo "exit $?"`);
    await terminal.shows(/agent \d+/);
    await workspace.holdfast(["stop"]);
    expect(await terminal.shows("exit 0")).toContain("demo has ended");
  });

  it("leaves also when the terminal goes away (R2.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} join`);
    await until(() => workspace.events("joined").length === 1);
    await terminal.close();
    await until(async () => (await statusOf(workspace)).session.active_clients === 0);
    expect(workspace.events("left")).toHaveLength(1);
  });

  it("does not follow with --no-follow: the shell is the client", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} join --no-follow; echo "shell $$"`);
    const screen = await terminal.shows(/shell \d+/);
    const shell = Number(/shell (\d+)/.exec(screen)?.[1]);
    expect((await statusOf(workspace)).session.clients).toMatchObject([{ pid: shell }]);
    await terminal.type(`${holdfast} leave`);
    await terminal.shows("left the session");
    expect((await statusOf(workspace)).session.clients).toEqual([]);
  });
});
