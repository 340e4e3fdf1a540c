import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { forgeClaim, realClaim } from "../support/forged-claims.ts";
import {
  callEverything,
  claimNaming,
  expectUntouched,
  startInnocent,
  startInnocentLeader,
} from "../support/innocents.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf, survivorsOf } from "../support/sessions.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/*
 * Claims that name a process by its right identity: PID, start time, boot, PID namespace and host. So they would look if
 * they were copied, restored, or written by a program gone wrong. Nothing about such a process is the session's.
 */

/** A lease for a forged claim, which somebody keeps beating until the test is over. */
function forgeBeatingLease(workspace: Workspace): object {
  const path = join(workspace.state, "claims/.lease-forged");
  mkdirSync(path);
  const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 100);
  onTestFinished(() => clearInterval(beat));
  return { kind: "lease", lease: ".lease-forged", stale_ms: 5_000 };
}

/** Where there are only leases, each command that wants to end the session waits for that one to get stale. */
const oneLeaseAfterTheOther = { timeout: 120_000 };

describe("a claim that names an innocent process by its right identity: no command ever signals it (R3.4, R3.6):", () => {
  it("as the agent of a session whose keeper is dead, leading its group", async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocentLeader();
    forgeClaim(workspace, claimNaming(await realClaim(workspace), { owner: { started: "1" }, agent: innocent }));
    await callEverything(workspace);
    expectUntouched(innocent);
  });

  it("as keeper and agent at once", oneLeaseAfterTheOther, async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocent();
    forgeClaim(workspace, claimNaming(await realClaim(workspace), { owner: innocent, agent: innocent }));
    await callEverything(workspace);
    expectUntouched(innocent);
  });

  it("in the list of what earlier sessions left", async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocentLeader();
    const claim = claimNaming(await realClaim(workspace), { owner: { started: "1" }, agent: innocent });
    forgeClaim(workspace, { ...claim, info: { session: null, unsettled: [claim.info.session] } });
    await callEverything(workspace);
    expectUntouched(innocent);
  });

  it("as its launcher, its tmux server, and in the PID file that it names", async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocentLeader();
    const claim = claimNaming(await realClaim(workspace), { owner: { started: "1" }, agent: { started: "1" } });
    const named = { ...claim.info.session.agent, pid: innocent.pid, started: innocent.started };
    const session = {
      ...claim.info.session,
      launcher: { process: named, return_within_ms: 1_000, pid_file_within_ms: 1_000 },
      pid_file: workspace.write("agent.pid", `${innocent.pid}\n`),
      tmux: { socket: join(workspace.root, "no-socket"), name: "demo", pane: "%0", server: named },
    };
    forgeClaim(workspace, { ...claim, info: { ...claim.info, session } });
    await callEverything(workspace);
    expectUntouched(innocent);
  });

  it("nor does any run a command that it carries", async () => {
    const workspace = openWorkspace();
    const claim = claimNaming(await realClaim(workspace), { owner: { started: "1" }, agent: { started: "1" } });
    const harm = join(workspace.root, "harm");
    const session = {
      ...claim.info.session,
      command: ["touch", harm],
      stop_command: ["touch", harm],
      ready: { output: null, port: null, command: `touch ${harm}`, timeout_ms: 1_000 },
      restart: "always",
      phase: "restarting",
      restart_at: claim.info.session.created_at,
    };
    forgeClaim(workspace, { ...claim, info: { ...claim.info, session } });
    await callEverything(workspace);
    expect(existsSync(harm)).toBe(false);
  });

  it("as the keeper of a session whose pulse beats: stop says that it could not", { timeout: 90_000 }, async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocent();
    const claim = await realClaim(workspace);
    forgeClaim(workspace, {
      ...claimNaming(claim, { owner: innocent, agent: innocent }),
      pulse: forgeBeatingLease(workspace),
    });
    expect((await statusOf(workspace)).session).toMatchObject({ id: "demo", state: "active" });
    const calls = [["stop", "demo", "--force", "--kill-after", "0"], ["cleanup"], ["cleanup", "--idle", "0"]] as const;
    const [stopped, ...cleaned] = await Promise.all(calls.map((call) => workspace.holdfast([...call, "--json"])));
    expect(stopped?.exitCode).toBe(77);
    expect(stopped?.json().error).toMatchObject({ code: "NOT_PERMITTED", pid: innocent.pid, where: "here" });
    expect(stopped?.json().error.message).toContain("cannot be ended from here");
    for (const { exitCode } of cleaned) expect(exitCode).toBe(1);
    expectUntouched(innocent);
  });

  it("as a waiter whose ticket beats: stop and cleanup say that they could not", async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocent();
    const claim = await realClaim(workspace);
    const { by } = claim.info.session;
    const lease = forgeBeatingLease(workspace);
    mkdirSync(join(workspace.state, "queue/.lease-forged"));
    const ticket = { ...claim, token: 1, state: "held", purpose: "ticket", owner: { ...claim.owner, ...innocent } };
    const info = { id: "waiter", by, command: ["true"] };
    writeFileSync(join(workspace.state, "queue/session.1"), `${JSON.stringify({ ...ticket, pulse: lease, info })}\n`, {
      mode: 0o600,
    });
    const stopped = await workspace.holdfast(["stop", "waiter", "--force", "--json"]);
    expect(stopped.exitCode).toBe(77);
    expect(stopped.json().error.message).toContain("cannot be taken out of the line from here");
    expect((await workspace.holdfast(["cleanup", "--json"])).json().actions).toMatchObject([
      { what: "waiter", result: "failed" },
    ]);
    expectUntouched(innocent);
  });

  it("in a request to stop, a client and a record", async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocent();
    const { uid } = await startSession(workspace, agent("sleeper.sh"));
    const by = { user: "x", host: "x", pid: innocent.pid, tty: null };
    const place = join(workspace.state, "sessions", uid);
    const { owner } = JSON.parse(workspace.read(".holdfast/session.lock").trimEnd().split("\n").at(-1) ?? "");
    const client = {
      uid: "c",
      name: "x",
      user: "x",
      joined_at: "2025-06-29T10:34:03Z",
      process: { ...owner, ...innocent },
    };
    writeFileSync(join(place, "clients/c.json"), JSON.stringify(client), { mode: 0o600 });
    writeFileSync(join(place, "record.json"), JSON.stringify({ schema_version: 1, session: { uid }, end: { by } }), {
      mode: 0o600,
    });
    writeFileSync(join(place, "stop.json"), JSON.stringify({ by, reason: null, signal: "SIGKILL", kill_after_ms: 0 }), {
      mode: 0o600,
    });
    await callEverything(workspace);
    expectUntouched(innocent);
  });
});

describe("an agent that only its claim calls one", () => {
  it("is shown as such, nobody starts beside it, and cleanup names it, forgets it and leaves it alive (R2.3, R3.2)", async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocentLeader();
    const claim = claimNaming(await realClaim(workspace), { owner: { started: "1" }, agent: innocent });
    forgeClaim(workspace, { ...claim, info: { ...claim.info, session: { ...claim.info.session, uid: newUid } } });
    const { session, problems } = await statusOf(workspace);
    expect(session).toMatchObject({
      state: "orphaned",
      processes: [{ pid: innocent.pid, recorded: true, proven: false }],
    });
    expect(problems.join()).toContain(`only its claim says that PID ${innocent.pid} is its agent`);
    const refused = await workspace.holdfast(["start", "next", "--json", "--", ...agent("sleeper.sh")]);
    expect(refused.json().error).toMatchObject({ code: "AGENTS_RUNNING", processes: [{ pid: innocent.pid }] });
    expect(refused.json().error.message).toContain(`PID ${innocent.pid}`);
    const cleaned = await workspace.holdfast(["cleanup", "--json"]);
    expect(cleaned.exitCode).toBe(1);
    const { actions } = cleaned.json();
    expect(actions).toMatchObject([{ what: "orphan", result: "failed" }]);
    expect(actions[0].detail).toContain(`PID ${innocent.pid} lives on (not_proven)`);
    expect(endOf(workspace, newUid)).toMatchObject({
      reason: "lost",
      processes: [],
      survivors: [{ pid: innocent.pid, why: "not_proven" }],
    });
    await startSession(workspace, agent("sleeper.sh"), { id: "next" });
    expectUntouched(innocent);
  });
});

const newUid = "01jyx3kq0zabcdefghjkmnpqrs";

describe.each(pulsesHere)("a copy of a state directory whose session runs (%s pulse)", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  it.each([
    ["a copy", ["cp", "-R"]],
    ["a copy that keeps all times", ["cp", "-a"]],
    ["a copy by hard links", ["cp", "-al"]],
  ])("%s: no command there signals the session's processes (R3.6)", { timeout: 120_000 }, async (_, copy) => {
    const workspace = openWorkspace();
    const elsewhere = openWorkspace();
    const session = await startSession(workspace, agent("family.sh"), { env, options: ["--kill-after", "0"] });
    const family = [session.pid, await workspace.announced("child"), await workspace.announced("grandchild")];
    expect((await elsewhere.spawn([...copy, workspace.state, elsewhere.root]).ended).exitCode).toBe(0);
    for (const command of [
      ["status"],
      ["stop", "demo", "--force"],
      ["watch", "--once"],
      ["cleanup"],
      ["start", "--", "true"],
    ]) {
      const called = await elsewhere.holdfast([...command.slice(0, 1), "--json", ...command.slice(1)], { env });
      expect(called.exitCode).not.toBe(70);
    }
    expect(survivorsOf(family)).toEqual(family);
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid: session.uid, state: "active" });
    await workspace.holdfast(["stop"], { env });
    await expectFree(workspace, { env });
  });
});
