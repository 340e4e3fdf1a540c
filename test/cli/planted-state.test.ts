import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { realClaim } from "../support/forged-claims.ts";
import { isAlive } from "../support/live-processes.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
const reason = isRoot ? "" : " (SKIPPED: only root can act as another user)";

/** As messages have it. */
function nameOf(uid: number): string {
  return spawnSync("id", ["-nu", String(uid)], { encoding: "utf8" }).stdout.trim() || `user id ${uid}`;
}

/** Runs a command as another user. */
async function asNobody(workspace: Workspace, ...command: string[]): Promise<void> {
  const as = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  expect((await workspace.spawn([...as, ...command]).ended).exitCode).toBe(0);
}

/** A project in which another user can do what they like, as in a shared directory. */
function openShared(): Workspace {
  const workspace = openWorkspace();
  for (const path of [workspace.root, dirname(workspace.root)]) chmodSync(path, 0o777);
  return workspace;
}

const commands = [
  ["status"],
  ["start", "demo", "--", ...agent("sleeper.sh")],
  ["run", "--", "true"],
  ["stop"],
  ["cleanup"],
  ["list"],
] as const;

async function expectRefused(
  workspace: Workspace,
  path: string,
  why: string,
  calls: readonly (readonly string[])[] = commands,
): Promise<void> {
  for (const call of calls) {
    const [verb = "", ...rest] = call;
    const refused = await workspace.holdfast([verb, "--json", ...rest]);
    expect({ call, code: refused.exitCode, error: refused.json().error }).toMatchObject({
      call,
      code: 77,
      error: { code: "NOT_PERMITTED", path, message: expect.stringContaining(why), retryable: false },
    });
    expect(refused.json().error.message).toContain(path);
  }
  expect(workspace.agents()).toEqual([]);
}

/** It hides only itself: each of these tells, or does, everything else, and names it. */
async function expectNamed(
  workspace: Workspace,
  path: string,
  why: string,
  codes: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [verb, code] of Object.entries(codes)) {
    const outcome = await workspace.holdfast([verb, "--json"]);
    const { ok, problems = [], actions = [] } = outcome.json();
    const told: readonly string[] = [...problems, ...actions.map((action: object) => Object.values(action).join(": "))];
    const isNamed = told.some((line) => line.includes(path) && line.includes(why));
    expect({ verb, code: outcome.exitCode, ok, isNamed }).toEqual({ verb, code, ok: true, isNamed: true });
  }
}

describe.skipIf(!isRoot)(
  `what another user has planted is refused, with path and reason (NOT_PERMITTED 77)${reason}:`,
  () => {
    const theirs = `it belongs to ${nameOf(nobody)}, and`;

    it("a state directory", async () => {
      const workspace = openShared();
      await asNobody(workspace, "mkdir", "-m", "700", workspace.state);
      await expectRefused(workspace, workspace.state, theirs);
    });

    it("a symbolic link to a state directory of mine", async () => {
      const workspace = openShared();
      const mine = openWorkspace();
      await startSession(mine);
      await asNobody(workspace, "ln", "-s", mine.state, workspace.state);
      await expectRefused(workspace, workspace.state, "symbolic link");
      expect((await statusOf(mine)).session).toMatchObject({ state: "active" });
    });

    it.each(["claims", "queue", "sessions"])(
      "%s/ in a state directory that others could once write to",
      async (name) => {
        const workspace = openShared();
        mkdirSync(workspace.state);
        chmodSync(workspace.state, 0o777);
        await asNobody(workspace, "mkdir", "-m", "700", join(workspace.state, name));
        chmodSync(workspace.state, 0o700);
        await expectRefused(workspace, join(workspace.state, name), theirs);
      },
    );

    it("a claim", async () => {
      const workspace = openShared();
      const { token } = await realClaim(workspace);
      const claim = join(workspace.state, `claims/session.${token}`);
      chownSync(claim, nobody, nobody);
      await expectRefused(workspace, claim, theirs, commands.slice(0, 4));
      await expectNamed(workspace, claim, theirs, { cleanup: 1, list: 77 });
    });

    it("a ticket", async () => {
      const workspace = openShared();
      await realClaim(workspace);
      const ticket = join(workspace.state, "queue/session.1");
      writeFileSync(ticket, "{}\n", { mode: 0o600 });
      chownSync(ticket, nobody, nobody);
      await expectRefused(workspace, ticket, theirs, commands.slice(1, 3));
      await expectNamed(workspace, ticket, theirs, { status: 0, cleanup: 1, list: 0 });
    });

    it("an event log", async () => {
      const workspace = openShared();
      await realClaim(workspace);
      const log = join(workspace.state, "holdfast.log");
      chownSync(log, nobody, nobody);
      await expectRefused(workspace, log, theirs, [["logs"], ["run", "--", "true"]]);
    });

    it("the record of a session", async () => {
      const workspace = openShared();
      const { info } = await realClaim(workspace);
      const record = join(workspace.state, "sessions", info.session.uid, "record.json");
      chownSync(record, nobody, nobody);
      await expectRefused(workspace, record, theirs, [["logs", "--output"]]);
      await expectNamed(workspace, record, theirs, { list: 0, cleanup: 0 });
    });

    it("the output of a session", async () => {
      const workspace = openShared();
      const { info } = await realClaim(workspace);
      const output = join(workspace.state, "sessions", info.session.uid, "output.log");
      chownSync(output, nobody, nobody);
      await expectRefused(workspace, output, theirs, [["logs", "--output"]]);
    });

    it("a state directory of mine, for the other user", async () => {
      const workspace = openShared();
      await startSession(workspace);
      const call = [process.execPath, "-e", "require('fs').readdirSync(process.argv[1])", workspace.state];
      const as = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
      expect((await workspace.spawn([...as, ...call]).ended).stderr).toContain("EACCES");
    });
  },
);

describe("what is not as holdfast made it is refused (NOT_PERMITTED 77):", () => {
  it.each(["claims", "queue", "sessions"])(
    "%s/ that others can write to; the hint says how to take that away",
    async (name) => {
      const workspace = openWorkspace();
      await realClaim(workspace);
      const path = join(workspace.state, name);
      chmodSync(path, 0o777);
      await expectRefused(workspace, path, "other users can write to it (mode 0777)");
      const { next } = (await workspace.holdfast(["status", "--json"])).json().error;
      expect(next).toEqual([`chmod -R go-w ${path}`]);
      expect((await workspace.spawn(["sh", "-c", next[0]]).ended).exitCode).toBe(0);
      expect((await workspace.holdfast(["status"])).exitCode).toBe(0);
    },
  );

  it.each(["record.json", "output.log"])("a link in place of %s", async (name) => {
    const workspace = openWorkspace();
    const { info } = await realClaim(workspace);
    const path = join(workspace.state, "sessions", info.session.uid, name);
    renameSync(path, join(workspace.root, name));
    symlinkSync(join(workspace.root, name), path);
    await expectRefused(workspace, path, "symbolic link", [["logs", "--output"]]);
    if (name === "record.json") await expectNamed(workspace, path, "symbolic link", { list: 0, cleanup: 0 });
  });

  it("a request to stop that is a link: the keeper does not follow it, goes on, and says so once", async () => {
    const workspace = openWorkspace();
    const { uid, pid, keeperPid } = await startSession(workspace);
    const request = {
      by: { user: "x", host: "x", pid: 1, tty: null },
      reason: null,
      signal: null,
      kill_after_ms: null,
    };
    symlinkSync(
      workspace.write("request", JSON.stringify(request)),
      join(workspace.state, "sessions", uid, "stop.json"),
    );
    await until(() => workspace.events("cleaned").length > 0);
    expect(workspace.events("cleaned")).toMatchObject([{ result: expect.stringContaining("symbolic link") }]);
    expect([isAlive(pid), isAlive(keeperPid)]).toEqual([true, true]);
    // A signal ends the session all the same.
    process.kill(keeperPid, "SIGTERM");
    await until(() => !isAlive(keeperPid));
    expect(workspace.events("ended")).toMatchObject([{ uid, reason: "stopped" }]);
  });
});
