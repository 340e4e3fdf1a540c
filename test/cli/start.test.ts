import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { environmentOf, isAlive, lookAt } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace } from "../support/workspace.ts";

describe("start", () => {
  it("says started when the agent runs, and records it as the session (R3.1, R2.1)", async () => {
    const workspace = openWorkspace();
    const before = Date.now();
    const started = await workspace.holdfast(["start", "demo", "--json", "--", ...agent("sleeper.sh")]);
    const { ok, joined, token, session } = started.json();
    expect(started.exitCode).toBe(0);
    expect({ ok, joined, token }).toEqual({ ok: true, joined: false, token: 1 });
    expect(session).toMatchObject({ id: "demo", phase: "running", command: agent("sleeper.sh"), cwd: workspace.root });
    expect(isAlive(session.pid)).toBe(true);
    expect(Date.parse(session.started_at)).toBeGreaterThanOrEqual(before);
    expect(session.started_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
    expect(await workspace.announced("agent")).toBe(session.pid);
    expect(workspace.events().map(({ event }) => event)).toEqual(["claimed", "started"]);
    expect(workspace.events("started")[0]).toMatchObject({
      session: "demo",
      uid: session.uid,
      token: 1,
      pid: session.pid,
    });
  });

  it("shows session.lock, which is the claim, while the session is active and not after (R0.2, R3.1, R3.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const link = statSync(join(workspace.state, "session.lock"));
    expect(link.ino).toBe(statSync(join(workspace.state, "claims/session.1")).ino);
    await workspace.holdfast(["stop"]);
    expect(statSync(join(workspace.state, "session.lock"), { throwIfNoEntry: false })).toBeUndefined();
  });

  it("makes a descriptive id when none is given (R3.1)", async () => {
    const workspace = openWorkspace();
    const { session } = (await workspace.holdfast(["start", "--json", "--", ...agent("sleeper.sh")])).json();
    expect(session.id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
    expect(session.id).toContain("sleeper");
    expect((await workspace.holdfast(["stop", session.id])).exitCode).toBe(0);
  });

  it("tells a person what runs, and what to do next (R3.1)", async () => {
    const workspace = openWorkspace();
    const started = await workspace.holdfast(["start", "demo", "--", ...agent("sleeper.sh")]);
    expect(started.exitCode).toBe(0);
    expect(started.stdout).toContain("demo");
    expect(started.stdout).toContain(`PID ${await workspace.announced("agent")}`);
    expect(started.stderr).toContain("holdfast stop demo");
  });

  it("takes the command from agent.command, in the project's root, from wherever it is called (R3.8)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { command: agent("sleeper.sh") } });
    workspace.write("deep/down/here.txt", "");
    const started = await workspace.holdfast(["start", "demo", "--json"], { cwd: join(workspace.root, "deep/down") });
    expect(started.json().session).toMatchObject({ command: agent("sleeper.sh"), cwd: workspace.root });
  });

  it("starts a given command where it is called (R3.1)", async () => {
    const workspace = openWorkspace();
    workspace.write("deep/here.txt", "");
    const cwd = join(workspace.root, "deep");
    const { session } = (await workspace.holdfast(["start", "--json", "--", ...agent("sleeper.sh")], { cwd })).json();
    expect(session.cwd).toBe(cwd);
    expect(statSync(join(workspace.state, "sessions", session.uid)).isDirectory()).toBe(true);
  });

  it("asks for a command when there is none (USAGE 64)", async () => {
    const workspace = openWorkspace();
    for (const rest of [[], ["--"]]) {
      const refused = await workspace.holdfast(["start", "demo", "--json", ...rest]);
      expect(refused.exitCode).toBe(64);
      expect(refused.json().error).toMatchObject({ code: "USAGE", retryable: false });
    }
    await expectFree(workspace);
  });

  it("gives the agent the session in its environment, and none of its own settings (R3.1)", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, agent("shows-environment.sh"), { env: { HOLDFAST_CLOSE: "1" } });
    await workspace.announced("agent");
    const shown = workspace
      .agentOutput(uid)
      .split("\n")
      .filter((line) => line.startsWith("HOLDFAST_"));
    expect(shown).toEqual([
      `HOLDFAST_DIR=${workspace.root}`,
      "HOLDFAST_LOCK=session",
      `HOLDFAST_SESSION=${uid}`,
      "HOLDFAST_SESSION_ID=demo",
      "HOLDFAST_SLOT=1",
      "HOLDFAST_TOKEN=1",
    ]);
  });

  it.each([
    { queued: false, options: [] },
    { queued: true, options: ["--queue"] },
  ])("keeps certificates for the agent, which the keeper would read in vain (queued: $queued)", async ({ options }) => {
    const workspace = openWorkspace();
    workspace.write("ca.pem", "");
    const env = { NODE_EXTRA_CA_CERTS: join(workspace.root, "ca.pem") };
    const endFirst = async () => {
      first.closeInput();
      await first.ended;
    };
    const first = workspace.spawn([process.execPath, bin, "run", "cat"]);
    await until(async () => (await statusOf(workspace)).active);
    if (options.length === 0) await endFirst();
    const start = ["start", "demo", ...options, "--", ...agent("sleeper.sh")];
    expect((await workspace.holdfast(start, { env })).exitCode).toBe(0);
    await endFirst();
    const pid = await workspace.announced("agent");
    const keeperPid = lookAt(pid)?.ppid ?? 0;
    expect(environmentOf(pid, "NODE_EXTRA_CA_CERTS")).toBe(env.NODE_EXTRA_CA_CERTS);
    expect(environmentOf(keeperPid, "HOME")).toBeDefined();
    expect(environmentOf(keeperPid, "NODE_EXTRA_CA_CERTS")).toBeUndefined();
    expect((await workspace.holdfast(["stop"])).exitCode).toBe(0);
  });

  it("appends what the agent writes, on both streams, to the session's output.log", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, ["sh", "-c", "echo out; echo err >&2; echo more; exec sleep 300"]);
    await until(() => workspace.agentOutput(uid).includes("more"));
    expect(workspace.agentOutput(uid)).toBe("out\nerr\nmore\n");
  });

  it("leaves the agent nothing to read: its stdin is empty", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, ["sh", "-c", "cat; echo end of input; exec sleep 300"], {
      input: "text",
    });
    await until(() => workspace.agentOutput(uid).includes("end"));
    expect(workspace.agentOutput(uid)).toBe("end of input\n");
  });

  it("keeps locks of other names apart: each has its own session, token and stop", async () => {
    const workspace = openWorkspace();
    const main = await startSession(workspace);
    const nightly = await startSession(workspace, agent("sleeper.sh"), { id: "night", options: ["--lock", "nightly"] });
    expect(nightly.token).toBe(1);
    expect(statSync(join(workspace.state, "nightly.lock")).isFile()).toBe(true);
    const stopped = await workspace.holdfast(["stop", "--lock", "nightly", "--json"]);
    expect(stopped.json().session.uid).toBe(nightly.uid);
    expect(isAlive(main.pid)).toBe(true);
    expect((await statusOf(workspace)).session.uid).toBe(main.uid);
    expect((await workspace.holdfast(["stop"], { env: { HOLDFAST_LOCK: "nightly" } })).exitCode).toBe(66);
  });

  it("ends by --max-time, and says why (R2.1)", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, agent("sleeper.sh"), { options: ["--max-time", "400ms"] });
    await workspace.untilEmpty();
    expect(endOf(workspace, uid)).toMatchObject({ reason: "max_time", signal: "SIGTERM" });
    await expectFree(workspace);
  });
});
