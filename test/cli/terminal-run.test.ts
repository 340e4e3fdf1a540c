import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { lookAt } from "../support/live-processes.ts";
import { statusOf } from "../support/sessions.ts";
import { openTerminal, whyNoTerminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const holdfast = `node ${join(import.meta.dirname, "../../bin/holdfast.js")}`;

beforeEach(({ skip }) => {
  skip(whyNoTerminal !== null, whyNoTerminal ?? "");
});

describe("run on a terminal, waiting", () => {
  it("refreshes one line in place, and takes it back when its turn comes", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} run --id mine sh -c 'echo "ran $((1 + 1))"'`);
    await terminal.shows(/⏳ mine waits · next in line/);
    const screen = await terminal.shows(/⏳ mine waits 2s · next in line · first holds the lock/);
    expect(screen.match(/waits/g)).toHaveLength(1);
    await holder.letGo();
    const after = await terminal.shows(/\nran 2\n\$$/);
    expect(after.split("\n").slice(1)).toEqual(["ran 2", "$"]);
  });

  it.each([
    [70, "mine waits 1s · next in line · a-holder"],
    [60, "waits 1s · a-holder"],
  ])("keeps that line within a terminal of %i columns", async (columns, says) => {
    const workspace = openWorkspace();
    await holdLock(workspace, { id: "a-holder-with-a-very-long-name-of-nearly-sixty-characters" });
    const terminal = await openTerminal(workspace, { columns });
    await terminal.type(`clear; ${holdfast} run --id mine true`);
    const screen = await terminal.shows(`⏳ ${says}`);
    const lines = screen.split("\n").filter((line) => line !== "");
    expect(lines).toEqual([expect.stringMatching(/…$/)]);
  });

  it("leaves nothing behind when Ctrl-C ends the wait", async () => {
    const workspace = openWorkspace();
    await holdLock(workspace, { id: "first" });
    const terminal = await openTerminal(workspace);
    await terminal.type(`stty -a >before; ${holdfast} run --id mine touch ran`);
    await terminal.shows("waits");
    await terminal.press("C-c");
    await terminal.shows(/\n\$$/);
    await terminal.type('echo "exit $?"; stty -a >after');
    await terminal.shows("exit 130");
    await until(() => workspace.read("after") !== "");
    expect(await statusOf(workspace)).toMatchObject({ session: { id: "first" }, queue: [] });
    const mine = workspace.events().filter(({ session }) => session === "mine");
    expect(mine.map(({ event }) => event)).toEqual(["queued", "unqueued"]);
    expect(workspace.read("after")).toBe(workspace.read("before"));
    expect(workspace.read("before")).toContain("icanon");
  });
});

describe("run on a terminal, running", () => {
  it("gives the command the terminal itself, and leaves that as it was", async () => {
    const workspace = openWorkspace();
    const terminal = await openTerminal(workspace);
    const script = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && stty size && stty -echo && stty echo; exit $((1 + 2))";
    await terminal.type(`stty -a >before; ${holdfast} run sh -c '${script}'; echo "exit $?"; stty -a >after`);
    expect(await terminal.shows("exit 3")).toContain("\n50 120\n");
    await until(() => workspace.read("after") !== "");
    expect(workspace.read("after")).toBe(workspace.read("before"));
  });

  it("lets a Ctrl-C reach the command and its child exactly once, the second Ctrl-C kills", async () => {
    const workspace = openWorkspace();
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} run --id mine ${agent("counts-signals.mjs", "child").join(" ")}; echo "exit $?"`);
    await terminal.shows(/agent \d+/);
    const run = workspace.processes().find(({ command }) => command.includes(" run --id mine"));
    await terminal.press("C-c");
    await terminal.shows("agent got INT 1");
    await terminal.shows("child got INT 1");
    // TERM goes the way on which a second INT would have come before it.
    process.kill(run?.pid ?? 0, "SIGTERM");
    await terminal.shows("agent got TERM 1");
    expect(await terminal.shows("child got TERM 1")).not.toContain("got INT 2");
    await terminal.press("C-c");
    await terminal.shows("exit 137");
    expect(workspace.events("ended")).toMatchObject([{ session: "mine", reason: "stopped", signal: "SIGKILL" }]);
    expect(await statusOf(workspace)).toMatchObject({ active: false });
  });

  it("ends with a command that Ctrl-C ends, and exits as it does", async () => {
    const workspace = openWorkspace();
    const terminal = await openTerminal(workspace);
    await terminal.type(`stty -a >before; ${holdfast} run --id mine sleep 300`);
    await until(() => workspace.events("started").length === 1);
    await terminal.press("C-c");
    await terminal.shows(/\^C\n?\$$/);
    await terminal.type('echo "exit $?"; stty -a >after');
    await terminal.shows("exit 130");
    await until(() => workspace.read("after") !== "");
    expect(workspace.read("after")).toBe(workspace.read("before"));
    expect(workspace.events("ended")).toMatchObject([{ signal: "SIGINT" }]);
  });

  it("is stopped with its command by Ctrl-Z, keeps the lock meanwhile, and goes on with fg", async () => {
    const workspace = openWorkspace();
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} run --id mine sh -c 'echo "PID $$"; read -r line; echo "read: $line"; exit 4'`);
    const pid = Number(/PID (\d+)$/m.exec(await terminal.shows(/PID \d+$/m))?.[1]);
    await terminal.press("C-z");
    await terminal.shows(/\n\$$/);
    expect(lookAt(pid)?.state).toBe("T");
    expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(75);
    await terminal.type("fg");
    await until(() => lookAt(pid)?.state === "S");
    await terminal.type("hello");
    await terminal.shows("read: hello");
    // What is typed before the shell asks stands where its answer is looked for.
    await terminal.prompts();
    await terminal.type('echo "exit $?"');
    await terminal.shows(/\nexit 4\n/);
    expect(workspace.events("ended")).toMatchObject([{ exit_code: 4 }]);
  });

  it("is ended by stop at once while Ctrl-Z has stopped it (R2.2)", async () => {
    const workspace = openWorkspace();
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} run --id mine sleep 300`);
    await until(() => workspace.events("started").length === 1);
    await terminal.press("C-z");
    await terminal.shows(/\n\$$/);
    const stopped = await workspace.holdfast(["stop", "mine", "--json"]);
    expect(stopped.json()).toMatchObject({ ok: true, end: { reason: "stopped", signal: "SIGTERM" } });
    await terminal.type('wait %1; echo "exit $?"');
    await terminal.shows("exit 143");
    expect(workspace.events("process_ended").map(({ how }) => how)).not.toContain("SIGKILL");
    expect(await statusOf(workspace)).toMatchObject({ active: false });
  });

  it("passes the hang-up of its terminal on to the command, and closes its session (R2.2)", async () => {
    const workspace = openWorkspace();
    const terminal = await openTerminal(workspace);
    await terminal.type(`${holdfast} run --id mine sleep 300`);
    await until(() => workspace.events("started").length === 1);
    await terminal.close();
    await until(() => workspace.events("ended").length === 1);
    expect(workspace.events("ended")).toMatchObject([{ session: "mine", signal: "SIGHUP" }]);
    expect(await statusOf(workspace)).toMatchObject({ active: false });
  });
});
