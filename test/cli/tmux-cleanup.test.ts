import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { expectFree } from "../support/sessions.ts";
import { historyOf, holdfastIn, socketsIn, startInTmux, tmux, tmuxEnvironment, whyNoTmux } from "../support/tmux.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

beforeEach(({ skip }) => {
  skip(whyNoTmux !== null, whyNoTmux ?? "");
});

interface Left {
  readonly id: string;
  readonly uid: string;
  readonly socket: string;
  readonly serverPid: number;
}

/**
 * A tmux session whose holdfast session has ended: as if whoever ended that had been killed right after it had written
 * the end. It has the socket and the environment of the one that was.
 */
async function leave(workspace: Workspace, id: string, { lock = "session", owner = "" } = {}): Promise<Left> {
  const options = ["--lock", lock, ...(owner === "" ? [] : ["--owner", owner])];
  const { uid, socket, pid } = await startInTmux(workspace, ["sleep", "300"], { id, options });
  const environment = environmentOf(pid);
  await holdfastIn(workspace)("stop", id, "--lock", lock, "--force");
  const script = "echo still here; exec sleep 300";
  const words = ["-S", socket, "-f", "/dev/null", "new-session", "-d", "-s", id, "sh", "-c", script];
  await workspace.spawn(["tmux", ...words], { input: "", env: environment }).ended;
  await until(async () => (await tmux(workspace, socket, "capture-pane", "-p")).includes("still here"));
  return { id, uid, socket, serverPid: Number(await tmux(workspace, socket, "display-message", "-p", "#{pid}")) };
}

function environmentOf(pid: number): Record<string, string> {
  const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  return Object.fromEntries(variables.filter((text) => text !== "").map((text) => text.split(/=(.*)/s, 2)));
}

describe("cleanup of tmux sessions that have outlived their holdfast session (R4.1, R4.7)", () => {
  it("lists them with --dry-run, ends them, and keeps their history (R4.8)", async () => {
    const workspace = openWorkspace();
    const left = await leave(workspace, "demo");
    const planned = await holdfastIn(workspace)("cleanup", "--dry-run", "--json");
    const subject = { what: "tmux", name: "demo", pid: left.serverPid, why: "its session has ended" };
    expect(planned.json().actions).toContainEqual({ ...subject, result: "planned", detail: null });
    expect(isAlive(left.serverPid)).toBe(true);
    const cleaned = await holdfastIn(workspace)("cleanup");
    expect(cleaned.stdout).toContain(`tmux session  demo  PID ${left.serverPid}  ended`);
    expect(historyOf(workspace, left)).toContain("still here");
    expect(workspace.events("cleaned")).toMatchObject([{ what: "tmux demo", result: "ended" }]);
    await expectFree(workspace);
    expect(socketsIn(workspace)).toEqual([]);
  });

  it("ends only those that --match names", async () => {
    const workspace = openWorkspace();
    const [demo, prod] = [await leave(workspace, "demo-1"), await leave(workspace, "prod-1")];
    const cleaned = await holdfastIn(workspace)("cleanup", "--match", "demo-*", "--json");
    expect(cleaned.json().actions).toMatchObject([
      { what: "tmux", name: "demo-1", pid: demo.serverPid, result: "ended" },
    ]);
    expect([demo, prod].map(({ serverPid }) => isAlive(serverPid))).toEqual([false, true]);
  });

  it("ends only those of the lock that is named", async () => {
    const workspace = openWorkspace();
    const left = await leave(workspace, "demo", { lock: "other" });
    const here = await holdfastIn(workspace)("cleanup", "--lock", "session", "--match", "*", "--json");
    expect(here.json().actions).toEqual([]);
    const there = await holdfastIn(workspace)("cleanup", "--match", "*", "--json");
    expect(there.json().actions).toMatchObject([{ what: "tmux", name: "demo", pid: left.serverPid }]);
  });

  it("only names those of another owner, but with --force", async () => {
    const workspace = openWorkspace();
    const left = await leave(workspace, "demo", { owner: "ci" });
    const named = await holdfastIn(workspace)("cleanup", "--match", "demo", "--json");
    const theirs = { what: "tmux", name: "demo", pid: left.serverPid };
    expect(named.json().actions).toMatchObject([{ ...theirs, why: "belongs to ci", result: "named" }]);
    expect(isAlive(left.serverPid)).toBe(true);
    const ended = await holdfastIn(workspace)("cleanup", "--match", "demo", "--force", "--json");
    expect(ended.json().actions).toMatchObject([{ ...theirs, result: "ended" }]);
  });

  it("removes sockets nobody listens at", async () => {
    const workspace = openWorkspace();
    const left = await leave(workspace, "demo");
    process.kill(left.serverPid, "SIGKILL");
    await until(() => !isAlive(left.serverPid));
    const cleaned = await holdfastIn(workspace)("cleanup", "--match", "demo", "--json");
    const why = "nobody listens at its socket";
    expect(cleaned.json().actions).toMatchObject([{ what: "tmux", name: "demo", pid: null, why, result: "removed" }]);
    expect(socketsIn(workspace)).toEqual([]);
  });

  it("finds none where somebody else has put something in the place of the sockets' directory", async () => {
    const workspace = openWorkspace();
    workspace.write(`tmux-${process.getuid?.() ?? 0}`, "no directory");
    const cleaned = await holdfastIn(workspace)("cleanup", "--json");
    expect(cleaned).toMatchObject({ exitCode: 0 });
    expect(cleaned.json().actions).toEqual([]);
  });

  it("leaves alone who is not proven to be of this directory, whatever its socket is called", async () => {
    const workspace = openWorkspace();
    const left = await leave(workspace, "demo");
    await tmux(workspace, left.socket, "kill-server");
    // It removes its socket as it goes, and would remove that of the next one.
    await until(() => !isAlive(left.serverPid));
    const env = {
      ...tmuxEnvironment(workspace),
      HOLDFAST_SESSION: left.uid,
      HOLDFAST_DIR: "/elsewhere",
      HOLDFAST_LOCK: "session",
    };
    const words = ["-S", left.socket, "-f", "/dev/null", "new-session", "-d", "-s", "demo", "sleep", "300"];
    await workspace.spawn(["tmux", ...words], { input: "", env }).ended;
    const cleaned = await holdfastIn(workspace)("cleanup", "--json");
    expect(cleaned.json().actions).toEqual([]);
    expect(await tmux(workspace, left.socket, "list-sessions", "-F", "#{session_name}")).toBe("demo");
  });

  it("takes that of an active session, and of an orphan, for a part of these", async () => {
    const workspace = openWorkspace();
    const orphan = await startInTmux(workspace, ["sleep", "300"], { id: "orphan", options: ["--lock", "other"] });
    process.kill(orphan.keeperPid, "SIGKILL");
    const active = await startInTmux(workspace, ["sleep", "300"], { id: "active" });
    const planned = await holdfastIn(workspace)("cleanup", "--dry-run", "--json");
    expect(planned.json().actions).toMatchObject([
      { what: "session", name: "active", pid: active.pid },
      { what: "orphan", name: "orphan" },
    ]);
    const others = await holdfastIn(workspace)("cleanup", "--match", "left-*", "--json");
    expect(others.json().actions).toEqual([]);
    expect([orphan, active].map(({ serverPid }) => isAlive(serverPid))).toEqual([true, true]);
  });
});

describe("watch, of tmux sessions that have outlived their holdfast session (R3.2, R4.2)", () => {
  it("names them with --no-reap, ends them without, and keeps their history, whoever's they are", async () => {
    const workspace = openWorkspace();
    const left = await leave(workspace, "demo", { owner: "ci" });
    const theirs = { what: "tmux", name: "demo", pid: left.serverPid, why: "its session has ended" };
    const named = await holdfastIn(workspace)("watch", "--once", "--no-reap", "--json");
    expect(named.json().actions).toEqual([{ ...theirs, result: "named", detail: null }]);
    expect(isAlive(left.serverPid)).toBe(true);
    const swept = await holdfastIn(workspace)("watch", "--once", "--json");
    expect(swept.json().actions).toMatchObject([{ ...theirs, result: "ended" }]);
    expect(isAlive(left.serverPid)).toBe(false);
    expect(historyOf(workspace, left)).toContain("still here");
    expect(workspace.events("cleaned")).toMatchObject([{ result: "named" }, { what: "tmux demo", result: "ended" }]);
    expect(socketsIn(workspace)).toEqual([]);
  });

  it("leaves alone one that is not on record: its keeper may live, and write it anew", async () => {
    const workspace = openWorkspace();
    const { pid, keeperPid } = await startInTmux(workspace, ["sleep", "300"]);
    process.kill(keeperPid, "SIGSTOP");
    rmSync(join(workspace.root, ".holdfast"), { recursive: true });
    workspace.write(".holdfast/claims/.keep", "");
    const swept = await holdfastIn(workspace)("watch", "--once", "--lock", "session", "--json");
    process.kill(keeperPid, "SIGCONT");
    expect(swept.json().actions).toEqual([]);
    expect(isAlive(pid)).toBe(true);
  });
});

describe("a forged claim (R0.3)", () => {
  it("that names the socket of somebody else's tmux never has it killed", async () => {
    const workspace = openWorkspace();
    const env = tmuxEnvironment(workspace);
    const theirs = join(workspace.root, "theirs");
    const words = ["-S", theirs, "-f", "/dev/null", "new-session", "-d", "-s", "theirs", "sleep", "300"];
    await workspace.spawn(["tmux", ...words], { input: "", env }).ended;
    const session = await startInTmux(workspace, ["sleep", "300"]);
    process.kill(session.keeperPid, "SIGKILL");
    await until(() => !isAlive(session.keeperPid));
    const claim = ".holdfast/claims/session.1";
    const last = workspace.read(claim).split("\n").at(-2) ?? "";
    const forged = last.replaceAll(JSON.stringify(session.socket), JSON.stringify(theirs));
    expect(forged).not.toBe(last);
    workspace.write(claim, `${forged}\n`);
    await holdfastIn(workspace)("stop", "demo");
    await holdfastIn(workspace)("cleanup");
    expect(isAlive(session.pid)).toBe(false);
    expect(await tmux(workspace, theirs, "list-sessions", "-F", "#{session_name}")).toBe("theirs");
  });
});
