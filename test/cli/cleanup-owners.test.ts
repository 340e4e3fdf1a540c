import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { expectFree, startSession, statusOf, type StartedSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

const ci = { HOLDFAST_OWNER: "ci" };
const dev = { HOLDFAST_OWNER: "dev" };

interface Kept {
  readonly session: StartedSession;
  /** What is left alone, by what. */
  readonly found: object;
}

/** What `ci` has here, which others' clean-ups have to leave alone. */
const belongings: Readonly<Record<string, (workspace: Workspace) => Promise<Kept>>> = {
  "an active session": async (workspace) => {
    const session = await startSession(workspace, agent("sleeper.sh"), { env: ci });
    return { session, found: { what: "session", name: "demo", pid: session.pid } };
  },
  "an orphan": async (workspace) => {
    const session = await startSession(workspace, agent("sleeper.sh"), { env: ci });
    process.kill(session.keeperPid, "SIGKILL");
    await until(() => !isAlive(session.keeperPid));
    return { session, found: { what: "orphan", name: "demo", pid: session.pid } };
  },
  // It was named, and then ended as what was left of an ended session.
  "an orphan that does not hold the lock": async (workspace) => {
    const session = await startSession(workspace, agent("sleeper.sh"), { env: { ...ci, HOLDFAST_PULSE: "lease" } });
    process.kill(session.keeperPid, "SIGKILL");
    await until(() => !isAlive(session.keeperPid));
    return { session, found: { what: "orphan", name: "demo", pid: session.pid } };
  },
};

describe.each(Object.entries(belongings))("%s of another owner", (_, begin) => {
  it.each([[["cleanup"]], [["cleanup", "--match", "demo"]], [["cleanup", "--dry-run"]]])(
    "is left alone by %s, and named with its owner (R3.6)",
    async (call) => {
      const workspace = openWorkspace();
      const { session, found } = await begin(workspace);
      for (const env of [{}, dev]) {
        const cleaned = await workspace.holdfast([...call, "--json"], { env });
        expect(cleaned.exitCode).toBe(0);
        expect(cleaned.json()).toMatchObject({
          count: 0,
          failed: 0,
          actions: [{ ...found, why: "belongs to ci", result: "named" }],
        });
      }
      expect(isAlive(session.pid)).toBe(true);
      expect(workspace.events("cleaned")).toEqual([]);
      const hint = "belongs to ci: holdfast --lock session cleanup --match demo --force ends it";
      expect((await workspace.holdfast(call)).stdout).toContain(hint);
    },
  );

  it.each([
    ["--force", ["--force"], dev],
    ["its owner", [], ci],
  ])("is ended with %s (R3.6)", async (__, options, env) => {
    const workspace = openWorkspace();
    const { session, found } = await begin(workspace);
    const cleaned = await workspace.holdfast(["cleanup", ...options, "--json"], { env });
    expect(cleaned.json().actions).toMatchObject([{ ...found, result: "ended" }]);
    expect(isAlive(session.pid)).toBe(false);
    await expectFree(workspace);
  });
});

describe("cleanup", () => {
  it("ends what is the caller's or nobody's beside what is another owner's: waiters too (R3.6)", async () => {
    const workspace = openWorkspace();
    const active = await startSession(workspace, agent("sleeper.sh"), { id: "active", env: ci });
    for (const [id, env] of [
      ["theirs", ci],
      ["mine", dev],
      ["anybodys", {}],
    ] as const) {
      await workspace.holdfast(["start", id, "--queue", "--", ...agent("sleeper.sh")], { env });
    }
    const { actions } = (await workspace.holdfast(["cleanup", "--json"], { env: dev })).json();
    const results = actions.map(({ name, result }: { name: string; result: string }) => [name, result]);
    expect(Object.fromEntries(results)).toEqual({ theirs: "named", mine: "ended", anybodys: "ended", active: "named" });
    const { session, queue } = await statusOf(workspace);
    expect(session).toMatchObject({ uid: active.uid, state: "active" });
    expect(queue).toMatchObject([{ id: "theirs", owner: "ci" }]);
  });

  it("--orphans leaves another owner's orphan; watch, which is asked to, ends it (R2.3)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("sleeper.sh"), { env: ci });
    process.kill(lost.keeperPid, "SIGKILL");
    await until(() => !isAlive(lost.keeperPid));
    await workspace.holdfast(["cleanup", "--orphans"]);
    expect(isAlive(lost.pid)).toBe(true);
    await workspace.holdfast(["watch", "--once"]);
    expect(isAlive(lost.pid)).toBe(false);
    await expectFree(workspace);
  });
});

it("says how to end just what it left alone, from wherever it is typed (R3.6)", async () => {
  const workspace = openWorkspace();
  const nightly = ["--lock", "nightly"];
  const theirs = await startSession(workspace, agent("sleeper.sh"), { env: ci, options: nightly });
  await workspace.holdfast(["start", "next", "--queue", ...nightly, "--", ...agent("sleeper.sh")], { env: ci });
  const ours = await startSession(workspace, agent("sleeper.sh"), { id: "ours" });
  const planned = await workspace.holdfast(["-C", workspace.root, "--json", "cleanup", "--dry-run"], { cwd: "/" });
  const hints: string[] = planned.json().actions.flatMap(({ detail }: { detail: string | null }) => detail ?? []);
  const onNightly = `holdfast -C ${workspace.root} --lock nightly`;
  expect(hints).toEqual([
    `${onNightly} stop next --force ends it`,
    `${onNightly} cleanup --match demo --force ends it`,
  ]);
  for (const hint of hints) {
    expect((await statusOf(workspace, { options: nightly })).session).toMatchObject({ id: "demo" });
    const typed = hint.replace(/^holdfast/, `"$0" "$1"`).replace(/ ends it$/, "");
    const ended = await workspace.spawn(["sh", "-c", typed, process.execPath, bin], { cwd: "/", input: "" }).ended;
    expect(ended.exitCode).toBe(0);
    expect((await statusOf(workspace, { options: nightly })).queue).toEqual([]);
  }
  expect([theirs, ours].map(({ pid }) => isAlive(pid))).toEqual([false, true]);
});
