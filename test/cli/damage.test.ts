import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { makeFifo } from "../support/odd-files.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const patient = { timeout: 90_000 };

/** A session that lives, and a claim of another lock that cannot be read. */
async function openDamaged(): Promise<{ readonly workspace: Workspace; readonly path: string; readonly pid: number }> {
  const workspace = openWorkspace();
  const { pid } = await startSession(workspace, agent("sleeper.sh"), { id: "live" });
  const path = workspace.write(".holdfast/claims/nightly.7", "garbage\n");
  return { workspace, path, pid };
}

describe("a claim of one lock that cannot be read", () => {
  it("hides nothing of the others in a listing, which names it, and how to repair it (R1.2)", async () => {
    const { workspace, path } = await openDamaged();
    const listed = await workspace.holdfast(["list"]);
    expect(listed.exitCode).toBe(65);
    expect(listed.stdout).toMatch(/^live +active/m);
    expect(listed.stderr).toContain(`⚠ This claim cannot be read: its last line is not JSON: ${path}`);
    expect(listed.stderr).toMatch(/repair it +holdfast cleanup --damaged/);
    const inJson = await workspace.holdfast(["list", "--json"]);
    expect(inJson.exitCode).toBe(65);
    expect(inJson.json()).toMatchObject({ ok: true, count: 1, problems: [expect.stringContaining(path)] });
    expect((await workspace.holdfast(["status"])).exitCode).toBe(0);
    expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(75);
  });

  it("is wrong for status --check, also where nothing else can be told of the lock (1)", async () => {
    const { workspace, path } = await openDamaged();
    expect((await workspace.holdfast(["status", "--lock", "nightly"])).exitCode).toBe(65);
    const checked = await workspace.holdfast(["status", "--lock", "nightly", "--check", "--json"]);
    expect(checked.exitCode).toBe(1);
    expect(checked.json()).toMatchObject({ ok: false, error: { code: "DATA", path } });
    expect((await workspace.holdfast(["status", "--check"])).exitCode).toBe(0);
  });

  it("is planned to be repaired beside everything else, and then is, without ending a session (R3.6)", async () => {
    const { workspace, pid } = await openDamaged();
    const planned = await workspace.holdfast(["cleanup", "--dry-run", "--json"]);
    expect(planned.exitCode).toBe(0);
    expect(planned.json().actions).toMatchObject([
      { what: "lock", name: "nightly", result: "planned", why: "This claim cannot be read: its last line is not JSON" },
      { what: "session", name: "live", result: "planned" },
    ]);
    const repaired = await workspace.holdfast(["cleanup", "--damaged", "--json"]);
    expect(repaired.exitCode).toBe(0);
    expect(repaired.json().actions).toMatchObject([{ what: "lock", name: "nightly", result: "removed" }]);
    expect(isAlive(pid)).toBe(true);
    expect((await workspace.holdfast(["list", "--json"])).json()).toMatchObject({ count: 1, problems: [] });
    expect((await startSession(workspace, agent("sleeper.sh"), { options: ["-l", "nightly"] })).token).toBe(9);
  });

  it(
    "is not repaired beside processes that may be of its session: a whole clean-up ends those (R3.2)",
    patient,
    async () => {
      const workspace = openWorkspace();
      const { pid, keeperPid, token } = await startSession(workspace, agent("closes-descriptors.sh"));
      process.kill(keeperPid, "SIGKILL");
      await until(() => !isAlive(keeperPid));
      workspace.write(`.holdfast/claims/session.${token}`, "garbage\n");
      const refused = await workspace.holdfast(["cleanup", "--damaged", "--json"]);
      expect(refused.exitCode).toBe(1);
      expect(refused.json().actions).toMatchObject([
        { what: "lock", result: "failed", detail: expect.stringContaining(`PID ${pid} runs`) },
      ]);
      expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(65);
      expect((await workspace.holdfast(["cleanup"])).exitCode).toBe(0);
      expect(isAlive(pid)).toBe(false);
      await expectFree(workspace);
    },
  );

  it("hides no session that was left below it: that gets its end (R2.3)", async () => {
    const workspace = openWorkspace();
    const { uid, pid, keeperPid } = await startSession(workspace, agent("sleeper.sh"));
    for (const each of [keeperPid, pid]) process.kill(each, "SIGKILL");
    await until(() => !isAlive(keeperPid) && !isAlive(pid));
    for (const token of [2, 3]) workspace.write(`.holdfast/claims/session.${token}`, "garbage\n");
    expect((await workspace.holdfast(["cleanup", "--damaged"])).exitCode).toBe(0);
    await workspace.holdfast(["status"]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lost" });
  });
});

describe.skipIf(!hasKernelPulse)("a claim that cannot be read, and is locked", () => {
  async function openLocked(env = {}) {
    const workspace = openWorkspace();
    const { token, pid, keeperPid } = await startSession(workspace, agent("family.sh"), { env });
    const child = await workspace.announced("child");
    const innocent = workspace.spawn(["sleep", "300"]);
    await until(() => lookAt(innocent.pid)?.command === "sleep 300");
    // In place: it stays locked.
    workspace.write(`.holdfast/claims/session.${token}`, "");
    return { workspace, pid, keeperPid, child, innocent };
  }

  it("by what a dead keeper left: a clean-up ends that, and nothing else, and repairs it (R2.3, R3.6)", async () => {
    const { workspace, pid, keeperPid, child, innocent } = await openLocked();
    for (const each of [keeperPid, pid]) process.kill(each, "SIGKILL");
    await until(() => !isAlive(keeperPid) && !isAlive(pid));
    expect((await workspace.holdfast(["cleanup", "--damaged"])).exitCode).toBe(1);
    const planned = await workspace.holdfast(["cleanup", "--dry-run", "--json"]);
    expect(planned.json().actions[0]).toMatchObject({ what: "process", pid: child, result: "planned" });
    expect(isAlive(child)).toBe(true);
    const cleaned = await workspace.holdfast(["cleanup", "--json"]);
    expect(cleaned.exitCode).toBe(0);
    expect(cleaned.json().actions).toMatchObject([
      { what: "process", pid: child, result: "ended", why: "left of a session without a keeper" },
      { what: "process", pid: await workspace.announced("grandchild"), result: "ended" },
      { what: "lock", name: "session", result: "removed" },
    ]);
    expect([isAlive(child), isAlive(innocent.pid)]).toEqual([false, true]);
    expect((await workspace.holdfast(["run", "-n", "--", "true"])).exitCode).toBe(0);
  });

  it("by what is left of another owner's session: that is ended only with --force (R3.6)", async () => {
    const { workspace, pid, keeperPid, child } = await openLocked({ HOLDFAST_OWNER: "ci" });
    for (const each of [keeperPid, pid]) process.kill(each, "SIGKILL");
    await until(() => !isAlive(keeperPid) && !isAlive(pid));
    const env = { HOLDFAST_OWNER: "dev" };
    expect((await workspace.holdfast(["cleanup"], { env })).exitCode).toBe(1);
    expect(isAlive(child)).toBe(true);
    expect((await workspace.holdfast(["cleanup", "--force"], { env })).exitCode).toBe(0);
    expect(isAlive(child)).toBe(false);
  });

  it("by a keeper that lives: it is named, and nothing is ended (R3.6)", async () => {
    const { workspace, pid, keeperPid, child } = await openLocked();
    process.kill(keeperPid, "SIGSTOP");
    const detail = expect.stringContaining(`PID ${keeperPid} (`);
    for (const options of [[], ["--damaged"], ["--dry-run"]]) {
      const { actions } = (await workspace.holdfast(["cleanup", ...options, "--json"])).json();
      expect(actions[0]).toMatchObject({ what: "lock", result: "failed", detail });
    }
    expect([pid, keeperPid, child].map((each) => isAlive(each))).toEqual([true, true, true]);
    process.kill(keeperPid, "SIGCONT");
  });
});

describe("a file of an ended session, or of a client, that cannot be read", () => {
  it("is named by list, hides nothing else, and goes with a clean-up of what is damaged (R1.4)", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "fine", "true"]);
    await workspace.holdfast(["run", "--id", "torn", "true"]);
    const torn = workspace.events("ended").at(-1)?.["uid"];
    const path = workspace.write(`.holdfast/sessions/${torn}/record.json`, '{"schema_version":1,"session":');
    const listed = (await workspace.holdfast(["list", "--json"])).json();
    expect(listed.sessions).toMatchObject([{ id: "fine" }]);
    expect(listed.problems).toEqual([`This session's record cannot be read: it is not JSON: ${path}`]);
    const asked = await workspace.holdfast(["logs", "-o", "--session", "torn", "--json"]);
    expect(asked.exitCode).toBe(65);
    expect(asked.json().error).toMatchObject({ code: "DATA", path, next: ["holdfast cleanup --damaged"] });
    const forgotten = await workspace.holdfast(["cleanup", "--damaged", "--json"]);
    expect(forgotten.json().actions).toMatchObject([{ what: "ended_session", name: torn, result: "removed" }]);
    expect((await workspace.holdfast(["list", "--json"])).json()).toMatchObject({ count: 1, problems: [] });
    expect(workspace.events("removed")).toMatchObject([{ uid: torn }]);
  });

  it("is named by status: a client's registration, with what else is there (R5.2)", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace);
    const client = workspace.spawn(["sleep", "300"]);
    await workspace.holdfast(["join", "--pid", String(client.pid), "--as", "fine"]);
    const clients = join(workspace.state, "sessions", uid, "clients");
    makeFifo(join(clients, "01fifo.json"));
    workspace.write(`.holdfast/sessions/${uid}/clients/01words.json`, "words\n");
    const { session, problems } = await statusOf(workspace);
    expect(session.clients).toMatchObject([{ name: "fine" }]);
    expect(problems.toSorted()).toEqual([
      `This client's registration cannot be read: it is not JSON: ${join(clients, "01words.json")}`,
      expect.stringMatching(/^This file cannot be trusted: it is not a file: .*01fifo\.json/),
    ]);
    expect((await workspace.holdfast(["status", "--check"])).exitCode).toBe(0);
    expect((await workspace.holdfast(["stop"])).exitCode).toBe(0);
    expect(existsSync(join(workspace.state, "session.lock"))).toBe(false);
  });
});
