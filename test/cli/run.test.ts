import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("run, when nobody else wants the lock", () => {
  it.each([
    ["true", 0],
    ["exit 7", 7],
    ["exit 255", 255],
    ["kill -KILL $$", 137],
    ["kill -TERM $$", 143],
    ["kill -INT $$", 130],
  ])("exits as its command does: sh -c '%s' with %i (R0.6)", async (script, exitCode) => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast(["run", "sh", "-c", script]);
    expect(ran).toMatchObject({ exitCode, stdout: "", stderr: "" });
  });

  it("--verbose says when the command has the lock, and how it ended (R0.6)", async () => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast(["run", "--verbose", "--id", "told", "sh", "-c", "echo out; exit 3"]);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "out\n" });
    const [started] = workspace.events("started");
    expect(ran.stderr).toMatch(
      /^told has the lock \(token 1\) and runs: sh -c 'echo out; exit 3' \(PID (\d+)\)\ntold ended by itself after \d+ms \(exit 3\)\n$/,
    );
    expect(ran.stderr).toContain(`(PID ${started?.["pid"]})`);
  });

  it("exits with 127 for a command that does not exist, and leaves no session behind", async () => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast(["run", "no-such-command"]);
    expect(ran).toMatchObject({ exitCode: 127, stdout: "" });
    expect(ran.stderr).toContain("Command not found: no-such-command");
    expect(workspace.events().map(({ event }) => event)).toEqual(["claimed", "start_failed", "ended"]);
    expect(workspace.events("ended")).toMatchObject([{ reason: "start_failed" }]);
    expect((await workspace.holdfast(["status", "--json"])).json()).toMatchObject({ active: false, session: null });
  });

  it.each([
    ["echo hi | cat", "It is one word, with the spaces in it: leave out its quotes, or put sh -c before it."],
    ["A=1", "To set a variable, put env before it."],
  ])("says what was meant where a shell would know: %s", async (program, says) => {
    const ran = await openWorkspace().holdfast(["run", program, "env"]);
    expect(ran.exitCode).toBe(127);
    expect(ran.stderr.split("\n").slice(0, 2)).toEqual([`✖ Command not found: ${program}`, `   ${says}`]);
  });

  it("exits with 126 for a file that may not be executed", async () => {
    const workspace = openWorkspace();
    const file = workspace.write("plain.txt", "no program\n");
    const ran = await workspace.holdfast(["run", file]);
    expect(ran).toMatchObject({ exitCode: 126, stdout: "" });
    expect(ran.stderr).toContain(`Command cannot be run: ${file}: permission denied`);
    expect(ran.stderr).toMatch(/make it executable +chmod \+x .*plain\.txt\n/);
  });

  it("says of a script that its interpreter is missing, and of a directory what it is", async () => {
    const workspace = openWorkspace();
    chmodSync(workspace.write("script.sh", "#! /no/such/interpreter -x\n"), 0o755);
    const ran = await workspace.holdfast(["run", "./script.sh"]);
    expect(ran).toMatchObject({ exitCode: 127, stdout: "" });
    expect(ran.stderr).toContain("the interpreter of ./script.sh is missing: /no/such/interpreter\n");
    const directory = await workspace.holdfast(["start", "demo", "--", "./.git"]);
    expect(directory.exitCode).toBe(126);
    expect(directory.stderr).toMatch(/Command cannot be run: \.\/\.git: it is a directory .*\n[^]*ls -ld \.\/\.git\n/);
  });

  it("gives -c to $SHELL, and to /bin/sh where that is not set", async () => {
    const workspace = openWorkspace();
    const shell = workspace.write("my shell", '#!/bin/sh\necho "shell: $*"\nexit 4\n');
    await workspace.spawn(["chmod", "+x", shell]).ended;
    const ours = await workspace.holdfast(["run", "-c", "echo $((20 + 1)); exit 5"], { env: { SHELL: shell } });
    expect(ours).toMatchObject({ exitCode: 4, stdout: "shell: -c echo $((20 + 1)); exit 5\n" });
    const usual = await workspace.holdfast(["run", "-c", "echo $((20 + 1)); exit 5"], { env: { SHELL: undefined } });
    expect(usual).toMatchObject({ exitCode: 5, stdout: "21\n" });
  });

  it.each([
    [["run", "echo", "--json", "-n", "--", "--id"], "--json -n -- --id\n"],
    [["run", "--", "echo", "-n", "--", "x"], "-- x"],
    [["run", "-n", "echo", "--wait", "nonsense"], "--wait nonsense\n"],
    [["-l", "start", "run", "echo", "--", "x"], "-- x\n"],
    [["--dir", ".", "run", "--id=mine", "echo", "--dir", "/nowhere"], "--dir /nowhere\n"],
  ])("reads its options up to the first operand: %j", async (words, stdout) => {
    const workspace = openWorkspace();
    expect(await workspace.holdfast(words)).toMatchObject({ exitCode: 0, stdout, stderr: "" });
  });

  it("leaves stdin, stdout and stderr to the command, byte for byte", async () => {
    const workspace = openWorkspace();
    const bytes = randomBytes(1_000_000);
    writeFileSync(join(workspace.root, "in"), bytes);
    const script = 'cat; echo "to stderr" >&2; printf "\\377\\000" >&2';
    const piped = ["sh", "-c", 'cat in | "$0" "$@" 2>err | cat >out', ...holdfastCommand(), "run", "sh", "-c", script];
    expect((await workspace.spawn(piped, { input: "" }).ended).exitCode).toBe(0);
    expect(readFileSync(join(workspace.root, "out")).equals(bytes)).toBe(true);
    expect(readFileSync(join(workspace.root, "err"))).toEqual(Buffer.from("to stderr\n\xff\x00", "latin1"));
  });

  it("hands on the very descriptors of its caller, so that a terminal or a file stays what it is", async () => {
    const workspace = openWorkspace();
    const script = '"$0" "$@" <in >out 2>err';
    workspace.write("in", "");
    const inner = ["run", "sh", "-c", "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2"];
    await workspace.spawn(["sh", "-c", script, ...holdfastCommand(), ...inner]).ended;
    const paths = ["in", "out", "err"].map((name) => join(workspace.root, name));
    expect(workspace.read("out").trim().split("\n")).toEqual(paths);
  });

  it("tells the command its session, token, lock and project, and nothing of -o", async () => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast(
      ["--lock", "nightly", "run", "--id", "demo", "sh", "-c", "env | grep ^HOLDFAST_ | sort"],
      {
        env: { HOLDFAST_CLOSE: "1", HOLDFAST_DIR: workspace.root },
      },
    );
    const uid = workspace.events("claimed")[0]?.["uid"];
    expect(ran.stdout.trim().split("\n")).toEqual([
      `HOLDFAST_DIR=${workspace.root}`,
      "HOLDFAST_LOCK=nightly",
      `HOLDFAST_SESSION=${uid}`,
      "HOLDFAST_SESSION_ID=demo",
      "HOLDFAST_SLOT=1",
      "HOLDFAST_TOKEN=1",
    ]);
  });

  it("gives every session a higher token, the clean-up of everything between them included", async () => {
    const workspace = openWorkspace();
    const token = async () => Number((await workspace.holdfast(["run", "sh", "-c", "echo $HOLDFAST_TOKEN"])).stdout);
    const first = await token();
    await workspace.holdfast(["cleanup"]);
    const second = await token();
    expect(second).toBeGreaterThan(first);
    expect(await token()).toBeGreaterThan(second);
  });

  it("runs the command in the caller's directory, and finds the project above it", async () => {
    const workspace = openWorkspace();
    workspace.write("deep/er/file", "");
    const cwd = join(workspace.root, "deep/er");
    expect(await workspace.holdfast(["run", "pwd"], { cwd })).toMatchObject({ exitCode: 0, stdout: `${cwd}\n` });
    expect(workspace.events("claimed")).toMatchObject([{ cwd }]);
  });

  it("writes its session down from beginning to end (R2.1, R3.7)", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "job", "--note", "try it", "--owner", "ci", "sh", "-c", "exit 9"]);
    expect(workspace.events()).toMatchObject([
      { event: "claimed", session: "job", token: 1, command: ["sh", "-c", "exit 9"], note: "try it", owner: "ci" },
      { event: "started", session: "job", pid: expect.any(Number) },
      { event: "ended", session: "job", reason: "exited", exit_code: 9, signal: null, processes: [] },
    ]);
    const [ended] = workspace.events("ended");
    expect(ended?.["ended_at"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(ended?.["duration_seconds"]).toBeGreaterThan(0);
  });

  it("leaves the lock free and no process behind", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", ...agent("crashes.sh")]);
    expect(workspace.processes()).toEqual([]);
    expect(workspace.read(".holdfast/session.lock")).toBe("");
    expect((await workspace.holdfast(["status", "--check"])).exitCode).toBe(3);
  });
});

/** The program and its first argument, for a shell script that calls it as `"$0" "$@"`. */
function holdfastCommand(): readonly string[] {
  return [process.execPath, join(import.meta.dirname, "../../bin/holdfast.js")];
}
