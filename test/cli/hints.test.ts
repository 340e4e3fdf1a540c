import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

const hasBash = spawnSync("bash", ["-c", "[[ ${BASH_VERSINFO[0]} -ge 5 ]]"]).status === 0;

describe("the hint how to begin", () => {
  it.each([
    [["stop"], ""],
    [["wait", "ghost"], " ghost"],
    [["join", "ghost"], " ghost"],
  ])("of %j can be typed as it stands where a command is configured", async (words, id) => {
    const workspace = openWorkspace();
    const command = agent("sleeper.sh");
    workspace.configure({ agent: { command } });
    const [hint] = (await workspace.holdfast(["--json", ...words])).json().error.next;
    expect(hint).toBe(`holdfast start${id}`);
    expect(await type(workspace, hint).ended).toMatchObject({ exitCode: 0 });
    expect((await statusOf(workspace)).session).toMatchObject({ command, ...(id === "" ? {} : { id: id.trim() }) });
  });

  it.each([
    ["foreground", "holdfast start --tmux"],
    ["launcher", "holdfast start ID --tmux -- COMMAND"],
  ])("where it can be typed into, of a configured %s, is %s", async (kind, hint) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    workspace.configure({ agent: { command: agent("sleeper.sh"), kind } });
    const refused = await workspace.holdfast(["--json", "join", "--send", "x"]);
    expect(refused.json().error).toMatchObject({ code: "USAGE", next: [hint] });
  });

  it("has the id of a start that was given no command", async () => {
    const refused = await openWorkspace().holdfast(["--json", "start", "engine"]);
    expect(refused.json().error).toMatchObject({ code: "USAGE", next: ["holdfast start engine -- COMMAND"] });
  });

  it.each(["status", "list"])("of %s is the same", async (verb) => {
    const workspace = openWorkspace();
    expect((await workspace.holdfast([verb])).stderr).toContain("holdfast start ID -- COMMAND\n");
    workspace.configure({ agent: { command: agent("sleeper.sh") } });
    expect((await workspace.holdfast([verb])).stderr).toContain("holdfast start\n");
  });
});

describe("the hint how to wait", () => {
  it("is a complete command, as a shell reads it", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const words = ["sh", "-c", 'echo "$1" >started; exec sleep 300', "it's", "a  b"];
    const refused = await workspace.holdfast(["start", "second", "--json", "--", ...words]);
    const [, wait] = refused.json().error.next;
    const waiting = await typeToWait(workspace, wait);
    await workspace.holdfast(["stop", "demo"]);
    expect(await waiting.ended).toMatchObject({ exitCode: 0 });
    expect((await statusOf(workspace)).session).toMatchObject({ id: "second", command: words });
    await until(() => workspace.read("started") === "a  b\n");
  });

  it("says how the command is to be started, where it says which", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const options = ["--launcher", "--pid-file", "the pid"];
    const refused = await workspace.holdfast(["start", "second", ...options, "--json", "--", "./start.sh"]);
    const path = join(workspace.root, "the pid");
    expect(refused.json().error.next[1]).toBe(
      `holdfast start second --launcher --pid-file '${path}' --wait 10m -- ./start.sh`,
    );
  });

  it("leaves out the configured command, which runs in the project's root", async () => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { command: agent("sleeper.sh") } });
    await startSession(workspace, ["sleep", "300"]);
    const refused = await workspace.holdfast(["start", "second", "--json"]);
    expect(refused.json().error.next[1]).toBe("holdfast start second --wait 10m");
  });

  it("has the options that were typed, but those of the wait", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const options = ["--owner", "ci", "-k3", "--note=it's", "--ready-port", "80", "--queue", "--wait", "0"];
    const refused = await workspace.holdfast(["--json", "start", "second", ...options, "--", "true"]);
    expect(refused.json().error.next[1]).toBe(
      String.raw`holdfast start second --kill-after 3 --ready-port 80 --owner ci --note 'it'\''s' --wait 10m -- true`,
    );
    const refusedRun = await workspace.holdfast(["run", "-noE", "9", "--timeout", "1h", "--json", "true", "--id", "x"]);
    expect(refusedRun.json().error.next[1]).toBe(
      "holdfast run --conflict-exit-code 9 --close --timeout 1h --wait 10m -- true --id x",
    );
  });

  it.skipIf(!hasBash)("can be typed as it is shown to people, whatever characters the command has", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace);
    const words = ["printf", String.raw`%s\n`, "it's\\\nof \u001b[1m\u202etwo\u0085 lines", "é"];
    const refused = await workspace.holdfast(["run", "-n", ...words]);
    const [, hint = ""] = /^ +wait +(.*)$/m.exec(refused.stderr) ?? [];
    const waiting = await typeToWait(workspace, hint, "bash");
    await holder.letGo();
    const printed = words.slice(2).map((word) => `${word}\n`);
    expect(await waiting.ended).toMatchObject({ exitCode: 0, stdout: printed.join("") });
  });

  it("has the command of run as well", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace);
    const refused = await workspace.holdfast(["run", "-n", "--json", "sh", "-c", "echo ran"]);
    const waiting = await typeToWait(workspace, refused.json().error.next[1]);
    await holder.letGo();
    expect(await waiting.ended).toMatchObject({ exitCode: 0, stdout: "ran\n" });
  });
});

describe("a hint on another lock than the default one", () => {
  const lock = ["--lock", "nightly"];

  // With leases the orphan does not hold the lock, and who is next does, once a second, for a moment.
  it.skipIf(!hasKernelPulse)("names it to who waits behind an orphan", async () => {
    const workspace = openWorkspace();
    const { keeperPid } = await startSession(workspace, agent("sleeper.sh"), { options: lock });
    const waiter = workspace.spawnHoldfast([...lock, "run", "true"]);
    await until(() => waiter.stderr().includes("demo holds the lock"));
    process.kill(keeperPid, "SIGKILL");
    await until(() => waiter.stderr().includes("demo is in the way"));
    expect(waiter.stderr()).toContain(": holdfast --lock nightly stop demo ends it");
    const queued = await workspace.holdfast([...lock, "start", "next", "--queue", "--", "sleep", "300"]);
    expect(queued.stdout).toContain(": holdfast --lock nightly stop demo ends it");
  });

  it("names it to who has a copy of the state directory", async () => {
    const workspace = openWorkspace();
    workspace.configure({ pulse: "lease" });
    await startSession(workspace, agent("sleeper.sh"), { options: lock });
    const copy = join(workspace.root, "copy");
    cpSync(workspace.state, copy, { recursive: true, preserveTimestamps: true });
    const refused = await workspace.holdfast([...lock, "stop", "demo", "--json"], {
      env: { HOLDFAST_STATE_DIR: copy },
    });
    expect(refused.json().error).toMatchObject({
      code: "NOT_PERMITTED",
      next: [
        `HOLDFAST_STATE_DIR=${workspace.state} holdfast --lock nightly stop demo`,
        "holdfast --lock nightly status",
      ],
    });
  });
});

/** Types a hint, and returns when what it starts waits. */
function type(workspace: Workspace, hint: string, shell = "sh") {
  return workspace.spawn([shell, "-c", hint.replace(/^holdfast/, `"$0" "$1"`), process.execPath, bin]);
}

async function typeToWait(workspace: Workspace, hint: string, shell?: string) {
  const typed = type(workspace, hint, shell);
  await until(() => typed.stderr().includes("waits"), { what: `${hint} waits` });
  return typed;
}

describe("what to type next where there is no state directory to be had", () => {
  it("is to look at the file that HOLDFAST_STATE_DIR names, and never to remove it", async () => {
    const workspace = openWorkspace();
    const file = workspace.write("passwd", "root");
    for (const words of [["run", "true"], ["status"], ["start", "demo", "--", "true"]]) {
      const refused = await workspace.holdfast(["--json", ...words], { env: { HOLDFAST_STATE_DIR: "passwd" } });
      const { code, message, next } = refused.json().error;
      expect({ code, next }).toEqual({ code: "NOT_PERMITTED", next: [`ls -ld ${file}`] });
      expect(message).toMatch(/\nHOLDFAST_STATE_DIR names it: name a directory/);
      expect(message).not.toContain("Remove");
    }
  });

  it("is to look at the file above it", async () => {
    const workspace = openWorkspace();
    const file = workspace.write("file", "");
    const env = { HOLDFAST_STATE_DIR: "file/state" };
    const refused = await workspace.holdfast(["--json", "run", "true"], { env });
    expect(refused.json().error).toMatchObject({ code: "CANNOT_CREATE", next: [`ls -ld ${file}`] });
  });

  it.skipIf(process.platform !== "linux")("is to keep it elsewhere than in /proc, which makes nothing", async () => {
    const env = { HOLDFAST_STATE_DIR: "/proc/x" };
    const refused = await openWorkspace().holdfast(["--json", "run", "true"], { env });
    expect(refused.json().error).toMatchObject({
      code: "IO",
      next: ["ls -ld /proc", expect.stringMatching(/^HOLDFAST_STATE_DIR=/)],
    });
  });
});

it("a wrong configuration is to be checked again by doctor", async () => {
  const workspace = openWorkspace();
  workspace.write("holdfast.json", '{ "frob": 1 }');
  const refused = await workspace.holdfast(["--json", "-C", workspace.root, "run", "true"]);
  const doctor = `holdfast -C ${workspace.root} doctor`;
  expect(refused.json().error).toMatchObject({ code: "CONFIG", next: [doctor] });
});
