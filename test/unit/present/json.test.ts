import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { exitCodes } from "../../../src/cli/exit-codes.ts";
import type { Presenter } from "../../../src/cli/present/presenter.ts";
import { Failure } from "../../../src/failure.ts";
import { endReasons } from "../../../src/session/session-end.ts";
import { capture, type CaptureOptions } from "./captured-presenter.ts";
import * as cleanup from "./cleanup-samples.ts";
import { checks } from "./doctor-sample.ts";
import * as sample from "./samples.ts";
import { stats } from "./stats-sample.ts";

const directory = new URL("../../../schema/output/", import.meta.url);
const names = readdirSync(directory).map((name) => name.replace(/\.schema\.json$/, ""));
const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true });
addFormats.default(ajv);
for (const name of names) ajv.addSchema(JSON.parse(readFileSync(new URL(`${name}.schema.json`, directory), "utf8")));

function validator(name: string): ValidateFunction {
  const validate = ajv.getSchema(`${name}.schema.json`);
  if (validate === undefined) throw new Error(`no schema called ${name}`);
  return validate;
}

function problemsOf(name: string, document: unknown): readonly string[] {
  const validate = validator(name);
  void validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

// oxlint-disable-next-line typescript/no-explicit-any -- what it is, the schemas say
type Document = any;

/** The one document a call leaves on stdout. */
async function answer(show: (presenter: Presenter) => void, options: CaptureOptions = {}): Promise<Document> {
  const { presenter, stdout, stderr } = await capture({ json: true, ...options });
  show(presenter);
  expect(stderr()).toBe("");
  expect(stdout()).toMatch(/^[^\n]+\n$/);
  return JSON.parse(stdout());
}

const { session, end, status, sessionStatus } = sample;
const orphan = { ...sessionStatus, state: "orphaned" as const };
const fullStatus = {
  ...status,
  sessions: [{ ...sessionStatus, lastOutputAt: sample.now }, orphan],
  outside: [sample.outsider],
  queue: [
    ...status.queue,
    {
      position: 2,
      waiter: null,
      pid: 30_201,
      where: "here" as const,
      host: "build1",
      since: "2025-06-29T10:54:00.000Z",
      waitingSeconds: 1,
    },
  ],
  pidFile: { path: "/srv/project/agent.pid", pid: 29_625, state: "alive" as const },
  problems: ["something"],
};
const inTmux = {
  ...status,
  sessions: [{ ...sessionStatus, session: sample.inTmux, tmux: sample.tmuxDetails }],
};
const event = sample.event({ event: "ended", token: 42, ...end });
const place = { fromByte: 4, nextCursor: 10, skippedBytes: 4 };

const answers: readonly (readonly [schema: string, what: string, show: (presenter: Presenter) => void])[] = [
  ["start", "started", (to) => to.started({ session, token: 42, joined: false })],
  [
    "start",
    "queued",
    (to) => to.queued({ session: { ...session, phase: "queued" }, position: 2, holder: sample.holder, alsoHeldBy: [] }),
  ],
  ["start", "queued, the lock free", (to) => to.queued({ session, position: 2, holder: null, alsoHeldBy: [] })],
  ["start", "joined instead", (to) => to.started({ session: { ...session, agent: null }, token: 42, joined: true })],
  ["join", "joined", (to) => to.joined(sample.joined)],
  ["join-send", "typed", (to) => to.sent({ session: sample.inTmux, lines: 2 })],
  ["leave", "left", (to) => to.left("my_test_session", sample.clients)],
  ["leave", "nobody left", (to) => to.left(null, [])],
  ["stop", "a session", (to) => to.stopped({ kind: "session", session, end })],
  ["stop", "a waiter", (to) => to.stopped({ kind: "waiter", id: "nightly", pid: 30_200 })],
  ["status", "active", (to) => to.status(status)],
  ["status", "everything", (to) => to.status(fullStatus)],
  ["status", "in tmux", (to) => to.status(inTmux)],
  ["status", "nothing", (to) => to.status(sample.nothing)],
  ["status-all", "two locks", (to) => to.allLocks({ locks: [fullStatus, sample.nothing], trouble: [], hidden: null })],
  ["list", "of everything", (to) => to.listed(sample.listing)],
  ["list", "nothing", (to) => to.listed(sample.emptyListing)],
  ["stats", "of some days", (to) => to.stats(stats)],
  ["stats", "too many orphans", (to) => to.stats({ ...stats, maxOrphans: 0 })],
  ["cleanup", "done", (to) => to.cleaned(cleanup.actions, false)],
  ["cleanup", "nothing to do", (to) => to.cleaned([], true)],
  ["watch", "something done", (to) => to.swept(cleanup.orphanNamed)],
  ["watch", "all of one sweep", (to) => to.cleaned([cleanup.orphanNamed], false)],
  ["logs", "all at once", (to) => to.events([event, event], false)],
  ["logs", "no events", (to) => to.events([], false)],
  ["logs", "followed", (to) => to.events([event], true)],
  ["logs-output", "a piece", (to) => to.output({ session, text: "ready\n", ...place, eof: false })],
  ["wait", "ended", (to) => to.waited({ session, end }, "ended")],
  ["wait", "ended, of which only the log tells", (to) => to.waited({ session: null, id: "demo", end }, "ended")],
  ["wait", "output", (to) => to.waited({ session, end: null, nextCursor: 1234, skippedBytes: 7 }, "output=ready")],
  ["wait", "free", (to) => to.waited({ session: null, end: null }, "free")],
  ["init", "written", (to) => to.initialised({ path: "/srv/project/holdfast.json", command: null })],
  ["init", "with a command", (to) => to.initialised({ path: "/srv/project/holdfast.json", command: ["node", "a.js"] })],
  ["doctor", "with faults", (to) => to.examined(checks)],
  ["completion", "a script", (to) => to.completion("bash", "complete -F _holdfast holdfast\n")],
  ["failure", "busy", (to) => to.failure(sample.busy)],
  ["failure", "without facts", (to) => to.failure(new Failure("USAGE", "What?"))],
];

describe("--json", () => {
  it.each(answers)("%s: %s is one document as its schema has it", async (schema, _what, show) => {
    const document = await answer(show);
    expect(problemsOf(schema, document)).toEqual([]);
    expect(document).toMatchObject({ schema_version: 1, ok: schema !== "failure" });
  });

  it.each(answers)("%s: %s with an unknown field anywhere is refused by the schema", async (schema, _what, show) => {
    const document = await answer(show);
    const closed = objectsIn(document).filter((path) => !isOpen(path));
    expect(closed.length).toBeGreaterThan(0);
    const accepted = closed.filter((path) => {
      const changed = structuredClone(document);
      path.reduce((at, key) => at[key], changed)["unknown_field"] = 1;
      return problemsOf(schema, changed).length === 0;
    });
    expect(accepted).toEqual([]);
  });

  it("has a schema for every answer and an answer for every schema", () => {
    // What `--version` and `--help` print is no presenter's: test/cli/json.test.ts has it.
    const others = ["common", "help", "progress", "version"];
    expect(new Set([...answers.map(([schema]) => schema), ...others])).toEqual(new Set(names));
  });

  it("names every failure code and every reason of an end in its schemas (R2.1)", () => {
    const schemaOf = (name: string): Document => validator(name).schema;
    expect(schemaOf("failure").properties.error.properties.code.enum.toSorted()).toEqual(
      Object.keys(exitCodes).toSorted(),
    );
    expect(schemaOf("common").$defs.end.properties.reason.enum).toEqual(endReasons);
  });

  it("says that there is no session (R1.2)", async () => {
    const document = await answer((to) => to.status(sample.nothing));
    expect(document).toMatchObject({ ok: true, active: false, session: null, process_count: 0 });
    expect(document).not.toHaveProperty("sessions");
  });

  it("tells all of a session (R3.5, R5.1)", async () => {
    const document = await answer((to) => to.status(status));
    expect(document).toMatchObject({ active: true, process_count: 2 });
    expect(document.session).toMatchObject({
      id: "my_test_session",
      state: "active",
      token: 42,
      created_at: "2025-06-29T10:34:03.000Z",
      last_activity: "2025-06-29T10:53:59.000Z",
      active_clients: 2,
    });
    expect(document.session.processes[0]).toEqual({
      pid: 29_625,
      ppid: 29_610,
      command: "node engine.js",
      state: "sleeping",
      uptime_seconds: 1198,
      resident_bytes: 29_100_000,
      cpu_percent: 0.04,
      cpu_seconds: 0.42,
      tty: "pts/0",
      user: "dev",
      started_at: "2025-06-29T10:34:03.000Z",
      recorded: true,
      proven: true,
    });
    expect(document.session.processes[1].recorded).toBe(false);
    expect(document.operations[0]).toEqual({ kind: "backtest", count: 1, pids: [29_640] });
  });

  it("lists several sessions, and calls an orphan alone not active (R2.3)", async () => {
    expect((await answer((to) => to.status(fullStatus))).sessions).toHaveLength(2);
    const alone = await answer((to) => to.status({ ...sample.nothing, sessions: [orphan] }));
    expect(alone).toMatchObject({ active: false, session: { state: "orphaned" } });
  });

  it("lists what waits, lives and has ended, by its state (R1.2, R5.1)", async () => {
    const document = await answer((to) => to.listed(sample.listing));
    expect(document).toMatchObject({ count: 7, more: true });
    const states = document.sessions.map(({ state, lock }: Document) => [state, lock]);
    expect(states).toEqual([
      ["queued", "nightly"],
      ["queued", "nightly"],
      ["active", "session"],
      ["orphaned", "nightly"],
      ["ended", "session"],
      ["ended", "session"],
      ["ended", null],
    ]);
    expect(document.sessions[0]).toMatchObject({ id: "nightly", position: 1, pid: 30_200, by: { name: "ci" } });
    expect(document.sessions[2]).toMatchObject({
      created_at: "2025-06-29T10:34:03.000Z",
      last_activity: "2025-06-29T10:53:59.000Z",
      active_clients: 2,
      token: 42,
      end: null,
    });
    expect(document.sessions[4]).toMatchObject({
      id: "monday",
      token: 40,
      active_clients: 0,
      end: { reason: "stopped" },
    });
  });

  it("fails with who holds the lock and what to type (R3.1)", async () => {
    const { error } = await answer((to) => to.failure(sample.busy), { invocation: "holdfast --lock nightly" });
    expect(error).toMatchObject({ code: "BUSY", retryable: true, holder: { id: "my_test_session", pid: 29_625 } });
    expect(error.next[0]).toBe("holdfast --lock nightly join my_test_session");
  });

  it("lets no fact take the place of the code or the message", async () => {
    const failure = new Failure("IO", "broken", { facts: { code: "EVIL", message: "fine", next: "rm", errno: "EIO" } });
    const { error } = await answer((to) => to.failure(failure));
    expect(error).toEqual({ code: "IO", message: "broken", retryable: false, next: [], errno: "EIO" });
  });

  it("counts what a clean-up did, and what it did not (R5.3)", async () => {
    const document = await answer((to) => to.cleaned(cleanup.actions, false));
    expect(document).toMatchObject({ dry_run: false, count: 3, failed: 1 });
    expect(document.actions).toHaveLength(4);
    expect(await answer((to) => to.cleaned([cleanup.orphanNamed], false))).toMatchObject({
      count: 0,
      failed: 0,
      actions: [cleanup.orphanNamed],
    });
  });

  it("gives each followed event a line of its own (R3.7)", async () => {
    const { presenter, stdout } = await capture({ json: true });
    presenter.events([event, event], true);
    presenter.events([], true);
    presenter.events([event], true);
    const lines = stdout().trimEnd().split("\n");
    expect(lines.map((line) => problemsOf("logs", JSON.parse(line)))).toEqual([[], [], []]);
  });

  it("escapes what a terminal may act on, and loses nothing", async () => {
    const text = "\u001B[2J\u009B1m\u202Eevil\u2028\u007F🔒\uFEFF";
    const { presenter, stdout } = await capture({ json: true });
    presenter.output({ session, text, ...place, eof: true });
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    expect(stdout()).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E\u2028\uFEFF]/);
    expect(JSON.parse(stdout()).text).toBe(text);
  });

  it("talks on stderr, in JSON, and not at all with --quiet", async () => {
    const notice = { id: "nightly", position: 1, holder: sample.holder, alsoHeldBy: [], waitedSeconds: 0.1234 };
    const talk = async (options: CaptureOptions) => {
      const { presenter, stdout, stderr } = await capture({ json: true, isTTY: true, ...options });
      presenter.waiting(notice);
      presenter.waiting(notice);
      presenter.waiting({ ...notice, holder: null });
      presenter.waitingOver();
      presenter.note("by the way");
      expect(stdout()).toBe("");
      return stderr()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
    };
    const said = await talk({});
    expect(said.map((document) => problemsOf("progress", document))).toEqual([[], [], []]);
    expect(said[0]).toMatchObject({ event: "waiting", position: 1, waited_seconds: 0.123 });
    await expect(talk({ quiet: true })).resolves.toEqual([]);
  });
});

type Path = readonly (string | number)[];

/** The paths of all objects in a document, itself included. */
function objectsIn(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [];
  const below = Object.entries(value).flatMap(([key, inner]) => objectsIn(inner, [...path, key]));
  return Array.isArray(value) ? below : [path, ...below];
}

/** Events, facts and the reasons of ends are open on purpose: they grow. */
function isOpen(path: Path): boolean {
  const [first, second] = path;
  if (path.at(-1) === "ended" || path.at(-1) === "facts") return true;
  return first === "event" || first === "events" || (first === "error" && second !== "holder");
}
