import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { endOf, startSession, type StartedSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** What whoever ships a directory would like to have run. */
const harm = { hooks: { started: "touch harm", ended: "touch harm", orphaned: "touch harm" } };

function isHarmed(workspace: Workspace): boolean {
  return existsSync(join(workspace.root, "harm"));
}

/** A session whose keeper was killed with all its processes; nobody has noticed. */
async function startLost(workspace: Workspace): Promise<StartedSession> {
  const session = await startSession(workspace, agent("sleeper.sh"));
  for (const pid of [session.keeperPid, session.pid]) process.kill(pid, "SIGKILL");
  await until(() => ![session.keeperPid, session.pid].some((pid) => isAlive(pid)));
  return session;
}

/** As an archive brings it, which keeps what can be kept: modes, owners, times, links. */
function unpackInto(workspace: Workspace, from: Workspace): void {
  execFileSync("cp", ["-a", from.state, workspace.state]);
}

/** Every command that comes upon a lost session without anybody having asked for something to be run. */
const looking = [
  ["status"],
  ["status", "--check"],
  ["list"],
  ["logs", "-o"],
  ["wait", "demo"],
  ["join", "demo", "--no-follow"],
  ["leave", "demo"],
  ["stop"],
  ["stop", "demo"],
  ["cleanup", "--dry-run"],
  ["cleanup"],
  ["watch", "--once"],
];

describe("a directory that came with a lost session and a hook for its end", () => {
  it("runs nothing for a command that looks, stops or cleans up", { timeout: 120_000 }, async () => {
    const theirs = openWorkspace();
    theirs.configure(harm);
    const { uid } = await startLost(theirs);
    for (const words of looking) {
      const mine = openWorkspace();
      unpackInto(mine, theirs);
      mine.configure(harm);
      await mine.holdfast(words);
      // What was only planned is done by the next.
      if (words.includes("--dry-run")) await mine.holdfast(["status"]);
      expect({ words, ...endOf(mine, uid) }).toMatchObject({ reason: "lost" });
      expect(mine.events("hook_failed")).toMatchObject([{ hook: "ended", message: /^not run: no start or run/ }]);
      expect({ words, isHarmed: isHarmed(mine) }).toEqual({ words, isHarmed: false });
    }
  });

  it("runs it once a command is run here, which asks for the hooks that are there", async () => {
    const [theirs, mine] = [openWorkspace(), openWorkspace()];
    theirs.configure(harm);
    await startLost(theirs);
    unpackInto(mine, theirs);
    mine.configure(harm);
    await mine.holdfast(["run", "true"]);
    expect(isHarmed(mine)).toBe(true);
  });
});

describe("the hook of a lost session", () => {
  it("is not run when it is another one than those that start or run were called with", async () => {
    const workspace = openWorkspace();
    workspace.configure({ hooks: { ended: "touch mine" } });
    const { uid } = await startLost(workspace);
    workspace.configure(harm);
    await workspace.holdfast(["status"]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lost" });
    expect(isHarmed(workspace)).toBe(false);
    const logged = await workspace.holdfast(["logs", "--event", "hook_failed"]);
    expect(logged.stdout).toContain("hook ended failed: not run: no start or run was called in this very directory");
  });

  it("is not run either when its keeper left an orphan, and the hook for that has changed (R2.3)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ hooks: { ended: "touch mine" } });
    const { keeperPid } = await startSession(workspace, agent("sleeper.sh"));
    process.kill(keeperPid, "SIGKILL");
    await until(() => !isAlive(keeperPid));
    workspace.configure(harm);
    await workspace.holdfast(["status"]);
    await workspace.holdfast(["cleanup"]);
    expect(workspace.events("hook_failed")).toMatchObject([{ hook: "orphaned" }, { hook: "ended" }]);
    expect(isHarmed(workspace)).toBe(false);
  });

  it("is run by whoever looks when its directory was only moved (R4.5)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ hooks: { ended: "touch mine" } });
    await startLost(workspace);
    execFileSync("mv", [workspace.state, join(workspace.root, "elsewhere")]);
    await workspace.holdfast(["status"], { env: { HOLDFAST_STATE_DIR: "elsewhere" } });
    expect(existsSync(join(workspace.root, "mine"))).toBe(true);
  });
});
