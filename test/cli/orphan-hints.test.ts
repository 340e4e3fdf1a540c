import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { waitInLine } from "../support/held-lock.ts";
import { startSession, type StartedSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type CallOptions, type Workspace } from "../support/workspace.ts";

const sleeper = agent("sleeper.sh");

async function orphan(workspace: Workspace, options: string[] = []): Promise<StartedSession> {
  const lost = await startSession(workspace, sleeper, { id: "orph", options });
  process.kill(lost.keeperPid, "SIGKILL");
  await until(() => !isAlive(lost.keeperPid));
  return lost;
}

/** Everywhere it is said what to type against what a dead keeper left. */
async function hintsIn(workspace: Workspace, call: CallOptions, options: readonly string[]): Promise<string[]> {
  const refused = await workspace.holdfast([...options, "start", "next", "--json", "--", ...sleeper], call);
  const texts = [refused.json().error.next.join("\n")];
  const calls = [
    ["status"],
    ["start", "next", "--", ...sleeper],
    ["run", "-n", "true"],
    ["run", "-w", "300ms", "true"],
  ];
  // One after the other: with leases the orphan does not hold the lock, and whoever looks at it does for a moment.
  for (const words of calls) {
    const { stdout, stderr } = await workspace.holdfast([...options, ...words], call);
    texts.push(words[0] === "status" ? stdout : stderr);
  }
  return texts;
}

describe("what to type against what a dead keeper left", () => {
  // It was a clean-up: that ended healthy sessions of other locks too, and whoever waited.
  it("ends just that, wherever it is said, and nothing on other locks or in line (R2.3, R3.2)", async () => {
    const workspace = openWorkspace();
    const healthy = await startSession(workspace, sleeper, { id: "healthy", options: ["--lock", "other"] });
    const lost = await orphan(workspace);
    const hints = await hintsIn(workspace, {}, []);
    for (const text of hints) {
      expect(text).toMatch(/holdfast stop orph\b/);
      expect(text).not.toContain("cleanup");
    }
    const waiter = await waitInLine(workspace, ["--id", "waiter", "echo", "ran"]);
    await workspace.holdfast(["stop", "orph"]);
    expect(isAlive(lost.pid)).toBe(false);
    expect(isAlive(healthy.pid)).toBe(true);
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "ran\n" });
  });

  it.each([
    ["HOLDFAST_LOCK", { env: { HOLDFAST_LOCK: "B" } }, []],
    ["-l", {}, ["-l", "B"]],
  ] as const)("names the lock that was given by %s", async (_, call, options) => {
    const workspace = openWorkspace();
    await orphan(workspace, ["--lock", "B"]);
    for (const text of await hintsIn(workspace, call, options)) {
      expect(text).toMatch(/holdfast --lock B stop orph\b/);
      expect(text).not.toContain("holdfast stop");
    }
  });

  it("takes --force where it is another owner's, and not for its own", async () => {
    const workspace = openWorkspace();
    const lost = await orphan(workspace, ["--owner", "ci"]);
    for (const text of await hintsIn(workspace, { env: { HOLDFAST_OWNER: "dev" } }, [])) {
      expect(text).toContain("holdfast stop orph --force");
    }
    for (const text of await hintsIn(workspace, { env: { HOLDFAST_OWNER: "ci" } }, [])) {
      expect(text).toContain("holdfast stop orph");
      expect(text).not.toContain("--force");
    }
    expect(isAlive(lost.pid)).toBe(true);
  });
});

describe("what to type against agents outside any session", () => {
  it("is to look first what a clean-up would end (R3.2)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { match: "^sleep 271$" } });
    workspace.spawn(["sleep", "271"]);
    await until(() => workspace.agents().some(({ command }) => command === "sleep 271"));
    expect((await workspace.holdfast(["status"])).stdout).toMatch(/holdfast cleanup --dry-run\n.*holdfast cleanup\n/);
    await startSession(workspace, sleeper, { options: ["--force"] });
    const beside = (await workspace.holdfast(["status"])).stdout;
    expect(beside).toContain("holdfast cleanup --dry-run");
    expect(beside).not.toMatch(/holdfast cleanup$/m);
  });
});
