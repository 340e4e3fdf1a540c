import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock, tell, waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { schemaProblems } from "../support/output-schema.ts";
import type { Json } from "../support/program.ts";
import { startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** The one document that a call leaves on stdout, which is all it leaves; it must be as its schema promises. */
async function answer(workspace: Workspace, schema: string, words: readonly string[]): Promise<Json> {
  const called = await workspace.holdfast([...words.slice(0, 1), "--json", ...words.slice(1)]);
  expect(called.stdout).toMatch(/^\{[^\n]*\}\n$/);
  expectProgress(called.stderr);
  const document = called.json();
  expect({ words, problems: schemaProblems(schema, document) }).toEqual({ words, problems: [] });
  expect(document.ok).toBe(schema !== "failure");
  return document;
}

/** What is said on stderr is JSON as well, a document a line. */
function expectProgress(stderr: string): void {
  for (const line of stderr.split("\n").filter((each) => each !== "")) {
    expect(schemaProblems("progress", JSON.parse(line))).toEqual([]);
  }
}

describe("--json", () => {
  it("start and stop: what was started, that it was there already, and how it ended", async () => {
    const workspace = openWorkspace();
    const start = [
      "start",
      "demo",
      "--owner",
      "ci",
      "--note",
      "a\u001Bb\u2028c",
      "--max-time",
      "1h",
      "--",
      ...agent("family.sh"),
    ];
    const started = await answer(workspace, "start", start);
    expect(started).toMatchObject({
      joined: false,
      token: 1,
      session: { id: "demo", note: "a\u001Bb\u2028c", owner: "ci" },
    });
    expect(
      await answer(workspace, "start", ["start", "--or-join", "other", "--", ...agent("family.sh")]),
    ).toMatchObject({
      joined: true,
      session: { id: "demo" },
    });
    await workspace.announced("grandchild");
    const stopped = await answer(workspace, "stop", ["stop", "demo", "--force", "--reason", "enough"]);
    expect(stopped).toMatchObject({ kind: "session", waiter: null, end: { reason: "stopped", stop_reason: "enough" } });
    expect(stopped.end.processes.length).toBeGreaterThanOrEqual(3);
  });

  it("status: free, active with all there is to see, and orphaned", async () => {
    const workspace = openWorkspace();
    expect(await answer(workspace, "status", ["status"])).toMatchObject({ active: false, session: null });
    workspace.configure({
      agent: { match: "outsider", pid_file: "agent.pid" },
      operations: { backtest: "sleep", generation: "generate" },
    });
    const session = await startSession(workspace);
    workspace.write("agent.pid", `${session.pid}\n`);
    await workspace.holdfast(["join", "--as", "ci", "--pid", String(workspace.spawn(["sleep", "300"]).pid)]);
    const waiter = await waitInLine(workspace, ["--id", "next", "true"]);
    workspace.spawn(["sh", "-c", "echo outsider >/dev/null; sleep 300"]);
    const outside = await until(async () => {
      const { outside: found } = await answer(workspace, "status", ["status"]);
      return found.length > 0 && found;
    });
    expect(outside).toHaveLength(1);
    expect(await answer(workspace, "status", ["status"])).toMatchObject({
      active: true,
      session: { id: "demo", active_clients: 1, processes: [{ pid: session.pid, recorded: true }] },
      operations: [{ kind: "backtest" }, { kind: "generation", count: 0 }],
      queue: [{ position: 1, id: "next", pid: waiter.pid }],
      pid_file: { pid: session.pid },
    });
    process.kill(session.keeperPid, "SIGKILL");
    await until(() => !isAlive(session.keeperPid));
    const orphaned = await answer(workspace, "status", ["status"]);
    expect(orphaned).toMatchObject({ active: false, session: { state: "orphaned" } });
    expect(orphaned.problems.length).toBeGreaterThan(0);
  });

  it("join and leave: who came, who is there, who left", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const { pid } = workspace.spawn(["sleep", "300"]);
    const joined = await answer(workspace, "join", ["join", "demo", "--as", "ci", "--pid", String(pid)]);
    expect(joined).toMatchObject({ client: { name: "ci", pid }, active_clients: 1, clients: [{ pid }] });
    expect(await answer(workspace, "leave", ["leave", "--as", "ci"])).toMatchObject({ count: 1, left: [{ pid }] });
    expect(await answer(workspace, "leave", ["leave", "demo", "--as", "ci"])).toMatchObject({
      session: "demo",
      count: 0,
    });
  });

  it("stop of somebody who only waits", async () => {
    const workspace = openWorkspace();
    await holdLock(workspace);
    const waiter = await waitInLine(workspace, ["--id", "next", "true"]);
    const stopped = await answer(workspace, "stop", ["stop", "next"]);
    expect(stopped).toMatchObject({
      kind: "waiter",
      session: null,
      end: null,
      waiter: { id: "next", pid: waiter.pid },
    });
  });

  it("cleanup: nothing, the plan, and what was done", async () => {
    const workspace = openWorkspace();
    expect(await answer(workspace, "cleanup", ["cleanup"])).toMatchObject({ count: 0, actions: [] });
    await startSession(workspace);
    const planned = await answer(workspace, "cleanup", ["cleanup", "--dry-run"]);
    expect(planned).toMatchObject({ dry_run: true, count: 1, actions: [{ what: "session", result: "planned" }] });
    const cleaned = await answer(workspace, "cleanup", ["cleanup"]);
    expect(cleaned).toMatchObject({ dry_run: false, failed: 0, actions: [{ name: "demo", result: "ended" }] });
    expect(await answer(workspace, "cleanup", ["cleanup", "--ended", "0"])).toMatchObject({
      actions: [{ what: "ended_session", result: "removed" }],
    });
  });

  it("logs, logs --output, and wait", async () => {
    const workspace = openWorkspace();
    expect(await answer(workspace, "logs", ["logs"])).toMatchObject({ count: 0, events: [] });
    await startSession(workspace, ["sh", "-c", "printf 'a\\033[1mb\\n'; exec sleep 300"]);
    await until(() => workspace.agentOutput() !== "");
    expect(await answer(workspace, "logs-output", ["logs", "-o", "--raw"])).toMatchObject({
      text: "a\u001B[1mb\n",
      eof: false,
    });
    expect(await answer(workspace, "logs-output", ["logs", "-o", "--cursor", "0"])).toMatchObject({ text: "ab\n" });
    expect(await answer(workspace, "wait", ["wait", "--until", "ready"])).toMatchObject({ end: null });
    await workspace.holdfast(["stop"]);
    expect(await answer(workspace, "wait", ["wait", "demo"])).toMatchObject({ end: { reason: "stopped" } });
    expect(await answer(workspace, "wait", ["wait", "--until", "free"])).toMatchObject({ session: null });
    const kinds = (await answer(workspace, "logs", ["logs"])).events.map(({ event }: Json) => event);
    expect(kinds).toEqual(["claimed", "started", "stop_requested", "ended"]);
  });

  it("streams: one document a line for logs -f and logs -o -f", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("exits-when-told.sh", "go"));
    const events = workspace.spawnHoldfast(["logs", "-f", "--json"]);
    const output = workspace.spawnHoldfast(["logs", "-o", "-f", "--json"]);
    await until(() => events.stdout().includes('"started"') && output.stdout() !== "");
    await tell(join(workspace.root, "go"));
    const shown = (await output.ended).jsonLines();
    expect(shown.flatMap((document) => schemaProblems("logs-output", document))).toEqual([]);
    expect(shown.at(-1)).toMatchObject({ eof: true });
    await until(() => events.stdout().includes('"ended"'));
    events.signal("SIGTERM");
    const told = (await events.ended).jsonLines();
    expect(told.flatMap((document) => schemaProblems("logs", document))).toEqual([]);
    expect(told.map(({ event }) => event.event)).toEqual(["claimed", "started", "ended"]);
  });

  it("run adds nothing to the stdout of its command, and says in JSON that it waits", async () => {
    const workspace = openWorkspace();
    expect(await workspace.holdfast(["run", "--json", "echo", "hello"])).toMatchObject({
      stdout: "hello\n",
      stderr: "",
    });
    const holder = await holdLock(workspace);
    const waiter = await waitInLine(workspace, ["--json", "--id", "next", "echo", "hello"]);
    await holder.letGo();
    const ran = await waiter.ended;
    expect(ran).toMatchObject({ exitCode: 0, stdout: "hello\n" });
    expect(ran.stderr).toContain('"event":"waiting"');
    expectProgress(ran.stderr);
  });

  it("join -- adds nothing to the stdout of its command", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const ran = await workspace.holdfast(["join", "--json", "--", "echo", "hello"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "hello\n" });
    expectProgress(ran.stderr);
  });

  it.each([["start", "a", "--", "true"], ["run", "true"], ["cleanup"], ["watch", "--once"]])(
    "%s: a failure is one document, too",
    async (...words) => {
      const workspace = openWorkspace();
      workspace.write("holdfast.json", "{ nonsense");
      const { error } = await answer(workspace, "failure", words);
      expect(error).toMatchObject({ code: "CONFIG", line: 1, retryable: false, next: ["holdfast doctor"] });
    },
  );

  it.each([["join"], ["status"], ["list"]])("%s: so it is, of those that the configuration fails not", async (word) => {
    const workspace = openWorkspace();
    mkdirSync(workspace.state);
    chmodSync(workspace.state, 0o777);
    const { error } = await answer(workspace, "failure", [word]);
    expect(error).toMatchObject({ code: "NOT_PERMITTED", path: workspace.state, retryable: false });
  });

  it("is what --version prints, too", async () => {
    const { version } = await answer(openWorkspace(), "version", ["--version"]);
    expect((await openWorkspace().holdfast(["--version"])).stdout).toBe(`${version}\n`);
  });

  it.each([[["help"]], [["help", "run"]], [["stop", "--help"]]])("is what %j prints, too", async (words) => {
    const { help } = await answer(openWorkspace(), "help", words);
    expect((await openWorkspace().holdfast(words)).stdout).toBe(help);
  });

  it("may stand before the command or after it, or in the environment; a command's own --json is its own", async () => {
    const workspace = openWorkspace();
    for (const words of [
      ["--json", "status"],
      ["status", "--json"],
    ]) {
      expect((await workspace.holdfast(words)).json()).toMatchObject({ ok: true });
    }
    expect((await workspace.holdfast(["status"], { env: { HOLDFAST_JSON: "1" } })).json()).toMatchObject({ ok: true });
    expect((await workspace.holdfast(["status"], { env: { HOLDFAST_JSON: "0" } })).stdout).toBe("No active session\n");
    const odd = await workspace.holdfast(["status"], { env: { HOLDFAST_JSON: "banana" } });
    expect(odd).toMatchObject({ exitCode: 64, stdout: "" });
    expect(odd.stderr).toContain('HOLDFAST_JSON: expected 1, true, yes, on, 0, false, no or off, got "banana"');
    const refused = await workspace.holdfast(["run", "no-such", "--json"]);
    expect(refused).toMatchObject({ exitCode: 127, stdout: "" });
  });

  it("takes a lock that is called like a command for a lock", async () => {
    const workspace = openWorkspace();
    const started = await workspace.holdfast(["-l", "run", "start", "demo", "--json", "--", "sleep", "300"]);
    expect(started.json()).toMatchObject({ ok: true, session: { id: "demo", command: ["sleep", "300"] } });
  });

  it("says in every hint which lock and directory it is for", async () => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["-C", workspace.root, "-l", "nightly", "stop", "--json"], { cwd: "/" });
    expect(refused.json().error.next[0]).toContain("--lock nightly");
    expect(refused.json().error.next[0]).toContain(workspace.root);
  });
});
