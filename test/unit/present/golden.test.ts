import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Presenter } from "../../../src/cli/present/presenter.ts";
import { Failure } from "../../../src/failure.ts";
import type { SessionInfo } from "../../../src/session/session-info.ts";
import { capture, type CaptureOptions } from "./captured-presenter.ts";
import * as cleanup from "./cleanup-samples.ts";
import { checks } from "./doctor-sample.ts";
import * as sample from "./samples.ts";
import { noStats, stats } from "./stats-sample.ts";

/** What a person sees, kept in test/golden/: after a change on purpose, `npx vitest run -u` and read the difference. */
interface Case {
  readonly name: string;
  readonly show: (presenter: Presenter) => void;
  readonly options?: CaptureOptions;
}

const { sessionStatus, status, nothing, session, end } = sample;
const orphan = {
  ...sessionStatus,
  state: "orphaned" as const,
  clients: [],
  session: { ...session, id: "old", created_at: "2025-06-11T06:00:00.000Z" },
  activeSeconds: 18 * 86_400 + 17_641,
};
const recorded = sample.processEntry();
/** Under another kernel, in another container, or in another directory. */
const outOfSight = { ...sessionStatus, visible: false, processes: [] };
const orphaned = "old is orphaned: its keeper is dead, 2 of its processes live";
const strays = "1 agent process runs outside any session";
const noted: SessionInfo = { ...session, owner: "team-a", note: "do not stop before 18:00", mode: "foreground" };

const cases: readonly Case[] = [
  { name: "status-active (R3.5)", show: (to) => to.status(status) },
  { name: "status-active-ascii (R3.5)", show: (to) => to.status(status), options: { unicode: false } },
  { name: "status-none (R1.2)", show: (to) => to.status(nothing) },
  { name: "status-none-quiet (R1.2)", show: (to) => to.status(nothing), options: { quiet: true } },
  {
    name: "status-orphaned (R2.3)",
    show: (to) => to.status({ ...nothing, sessions: [orphan], problems: [orphaned] }),
  },
  {
    name: "status-outside (R3.2)",
    show: (to) => to.status({ ...nothing, outside: [sample.outsider], problems: [strays] }),
  },
  {
    name: "status-everything (R3.5, R5.1)",
    show: (to) =>
      to.status({
        ...status,
        sessions: [{ ...sessionStatus, session: noted, lastOutputAt: new Date("2025-06-29T10:53:59Z") }, orphan],
        outside: [sample.outsider, sample.processEntry({ pid: 4243, state: "zombie", command: "[node]" })],
        queue: [
          ...status.queue,
          {
            position: 2,
            waiter: null,
            pid: 30_201,
            where: "other_pid_namespace",
            host: "x",
            since: "x",
            waitingSeconds: 0.2,
          },
        ],
        pidFile: { path: "/srv/project/background_agent.pid", pid: 29_625, state: "alive" },
        problems: [orphaned, strays],
      }),
    options: { verbose: true },
  },
  {
    name: "status-starting (R3.5)",
    show: (to) =>
      to.status({
        ...nothing,
        sessions: [{ ...sessionStatus, state: "starting", activeSeconds: 0.4, processes: [], clients: [] }],
        pidFile: { path: "/elsewhere/agent.pid", pid: null, state: "missing" },
      }),
  },
  {
    name: "status-invisible (R3.5)",
    show: (to) => to.status({ ...nothing, sessions: [{ ...outOfSight, where: "other_machine", host: "build2" }] }),
  },
  {
    name: "status-other-pid-namespace (R3.5)",
    show: (to) =>
      to.status({
        ...nothing,
        sessions: [{ ...outOfSight, where: "other_pid_namespace" }],
        queue: status.queue.slice(0, 1).map((entry) => Object.assign({}, entry, { where: "other_pid_namespace" })),
      }),
    options: { verbose: true },
  },
  {
    name: "status-copied (R3.5)",
    show: (to) => to.status({ ...nothing, sessions: [{ ...outOfSight, where: "other_directory" }] }),
  },
  {
    name: "status-unproven (R3.5)",
    show: (to) =>
      to.status({
        ...nothing,
        sessions: [{ ...orphan, unproven: [recorded], processes: [recorded] }],
      }),
  },
  {
    name: "status-zombie (R3.5)",
    show: (to) =>
      to.status({
        ...nothing,
        sessions: [{ ...sessionStatus, processes: [sample.processEntry({ state: "zombie", command: "[node]" })] }],
      }),
  },
  {
    name: "status-tmux (R4.1)",
    show: (to) =>
      to.status({
        ...nothing,
        sessions: [{ ...sessionStatus, session: sample.inTmux, tmux: sample.tmuxDetails, clients: [] }],
      }),
  },
  {
    name: "status-tmux-silent (R4.1)",
    show: (to) => to.status({ ...nothing, sessions: [{ ...sessionStatus, session: sample.inTmux, clients: [] }] }),
    options: { verbose: true },
  },
  { name: "started-tmux (R4.1)", show: (to) => to.started({ session: sample.inTmux, token: 42, joined: false }) },
  { name: "sent (R4.1)", show: (to) => to.sent({ session: sample.inTmux, lines: 1 }) },
  { name: "started (R3.1)", show: (to) => to.started({ session, token: 42, joined: false }) },
  { name: "started-or-joined (R3.3)", show: (to) => to.started({ session, token: 42, joined: true }) },
  {
    name: "queued (R4.6)",
    show: (to) =>
      to.queued({
        session: { ...session, phase: "queued", agent: null },
        position: 2,
        holder: sample.holder,
        alsoHeldBy: [],
      }),
  },
  {
    name: "queued-behind-orphan (R4.6)",
    show: (to) => {
      const behind = { ...sample.holder, orphaned: true };
      to.queued({ session: { ...session, phase: "queued", agent: null }, position: 1, holder: behind, alsoHeldBy: [] });
    },
  },
  {
    name: "started-other-lock (R3.1)",
    show: (to) => to.started({ session, token: 42, joined: false }),
    options: { invocation: "holdfast --lock nightly" },
  },
  { name: "list (R1.2, R2.3)", show: (to) => to.listed(sample.listing) },
  {
    name: "list-narrow-ascii (R1.2)",
    show: (to) => to.listed(sample.listing),
    options: { isTTY: true, columns: 90, unicode: false },
  },
  { name: "list-one-lock (R1.2)", show: (to) => to.listed(sample.oneLock) },
  { name: "list-nothing (R1.2)", show: (to) => to.listed(sample.emptyListing) },
  {
    name: "list-everywhere (R1.2)",
    show: (to) =>
      to.listedEverywhere(
        [
          sample.emptyListing,
          sample.oneLock,
          { ...sample.listing, directory: "/srv/b\u001b[2J", stateDirectory: "/var/b's" },
        ],
        [new Failure("NOT_FOUND", "PID 4711 runs for a directory that is not found here\n/srv/gone")],
      ),
  },
  {
    name: "list-everywhere-none-asked-for (R1.2)",
    show: (to) => to.listedEverywhere([sample.emptyListing, { ...sample.emptyListing, more: true }], []),
  },
  { name: "list-everywhere-nothing (R1.2)", show: (to) => to.listedEverywhere([sample.emptyListing], []) },
  { name: "stats (R2.5)", show: (to) => to.stats(stats) },
  { name: "stats-too-many-orphans (R2.5)", show: (to) => to.stats({ ...stats, maxOrphans: 0 }) },
  { name: "stats-60 (R2.5)", show: (to) => to.stats(stats), options: { isTTY: true, columns: 60 } },
  { name: "stats-40 (R2.5)", show: (to) => to.stats(stats), options: { isTTY: true, columns: 40 } },
  { name: "stats-nothing-ascii (R2.5)", show: (to) => to.stats(noStats), options: { unicode: false } },
  { name: "joined (R3.3)", show: (to) => to.joined(sample.joined) },
  { name: "joined-ending (R3.3)", show: (to) => to.joined({ ...sample.joined, state: "ending" }) },
  { name: "left (R2.6)", show: (to) => to.left("my_test_session", sample.clients) },
  { name: "left-nobody (R2.6)", show: (to) => to.left(null, []) },
  { name: "stopped (R3.4)", show: (to) => to.stopped({ kind: "session", session, end }) },
  {
    name: "stopped-survivors (R3.4)",
    show: (to) =>
      to.stopped({
        kind: "session",
        session,
        end: {
          ...end,
          exit_code: null,
          signal: "SIGKILL",
          stop_reason: "deploying",
          processes: end.processes.map((process) => ({ ...process, how: "SIGKILL" })),
          survivors: [
            { pid: 29_641, command: "stuck in the kernel", why: "survived_sigkill" },
            { pid: 29_642, command: "sudo make install", why: "not_permitted" },
            { pid: 29_643, command: "node engine.js", why: "not_proven" },
          ],
        },
      }),
  },
  { name: "stopped-waiter (R4.6)", show: (to) => to.stopped({ kind: "waiter", id: "nightly", pid: 30_200 }) },
  { name: "cleaned (R3.6, R5.3)", show: (to) => to.cleaned(cleanup.actions, false) },
  {
    name: "cleaned-dry-run (R3.6)",
    show: (to) =>
      to.cleaned(
        cleanup.actions.map((action) => ({ ...action, result: "planned", detail: null })),
        true,
      ),
  },
  { name: "cleaned-left-alone (R2.3)", show: (to) => to.cleaned([cleanup.orphanNamed], false) },
  { name: "swept (R4.4)", show: (to) => to.swept(cleanup.orphanAction) },
  {
    name: "cleaned-of-another-owner (R3.6)",
    show: (to) => to.cleaned([...cleanup.actions.slice(1, 2), cleanup.spared], false),
  },
  { name: "cleaned-nothing (R3.6)", show: (to) => to.cleaned([], false) },
  { name: "waited-ended (R2.1)", show: (to) => to.waited({ session, end: { ...end, reason: "exited" } }, "ended") },
  { name: "waited-ready", show: (to) => to.waited({ session, end: null }, "ready") },
  { name: "waited-output", show: (to) => to.waited({ session, end: null, nextCursor: 1234 }, "output=^all s.t$") },
  { name: "waited-free", show: (to) => to.waited({ session: null, end: null }, "free") },
  { name: "init", show: (to) => to.initialised({ path: "/srv/project/holdfast.json", command: null }) },
  { name: "init-command", show: (to) => to.initialised({ path: "/tmp/holdfast.json", command: ["node", "a.js"] }) },
  { name: "doctor", show: (to) => to.examined(checks) },
  { name: "doctor-well-ascii", show: (to) => to.examined(checks.slice(0, 1)), options: { unicode: false } },
  { name: "completion", show: (to) => to.completion("fish", "status\twho holds the lock\n") },
  { name: "failure-busy (R3.1)", show: (to) => to.failure(sample.busy) },
  { name: "failure-busy-ascii (R3.1)", show: (to) => to.failure(sample.busy), options: { unicode: false } },
  { name: "failure-busy-quiet (R3.1)", show: (to) => to.failure(sample.busy), options: { quiet: true } },
  { name: "failure-busy-elsewhere (R3.1)", show: (to) => to.failure(sample.busyElsewhere) },
  { name: "failure-agents-running (R3.2)", show: (to) => to.failure(agentsRunning) },
  { name: "failure-mismatch (R3.4)", show: (to) => to.failure(mismatch) },
  { name: "failure-other-command (R3.1)", show: (to) => to.failure(otherCommand) },
  { name: "failure-start-failed (R3.1)", show: (to) => to.failure(startFailed) },
  { name: "failure-run-timeout (R2.1)", show: (to) => to.failure(runTimeout) },
  { name: "failure-path", show: (to) => to.failure(readOnly) },
  { name: "failure-bug", show: (to) => to.failure(bug) },
];

const strayFacts = Array.from({ length: 7 }, (_, index) => ({
  pid: 4242 + index,
  command: "node engine.js --old",
  user: "dev",
  started_at: "2025-06-11T06:00:00.000Z",
}));
const agentsRunning = new Failure("AGENTS_RUNNING", "7 agent processes already running, outside any session", {
  facts: { session: null, processes: strayFacts },
  next: [
    { does: "look", command: "holdfast status" },
    { does: "see what would be ended", command: "holdfast cleanup --dry-run" },
    { does: "end all that", command: "holdfast cleanup" },
  ],
});
const mismatch = new Failure("SESSION_MISMATCH", "Session does not match: expected a, found b", {
  facts: { expected: "a", found: "b" },
  next: [{ does: "look", command: "holdfast status" }],
});
const otherCommand = new Failure("BUSY", "Session already active with another command: demo", {
  facts: { id: "demo", active_command: ["node", "a.js"], wanted_command: ["sh", "-c", "echo 'hi there'"] },
  next: [{ does: "stop it", command: "holdfast stop demo" }],
});
const startFailed = new Failure("START_FAILED", "The agent ended as soon as it had started (exit code 1)", {
  facts: {
    exit_code: 1,
    signal: null,
    command: ["node", "engine.js"],
    output:
      "\u001B[31mError\u001B[0m: cannot bind\r\n\tport 8080\n 10%\r 20%\r100%\n\u001B]0;title\u0007\u202Eevil\n\n",
  },
});
const runTimeout = new Failure("RUN_TIMEOUT", "The command ran longer than 10 s and was ended", {
  facts: { session: session.id, processes: end.processes },
  next: [{ does: "look back", command: `holdfast logs --session ${session.id}` }],
});
const readOnly = new Failure("CANNOT_CREATE", "Cannot create the state directory: read-only (EROFS)\n/srv/project", {
  facts: { path: "/srv/project", errno: "EROFS" },
});
const bug = new Failure("INTERNAL", "This is a bug in holdfast: x is not a function", {
  facts: { trace: Array.from({ length: 9 }, (_, line) => `TypeError, line ${line}`).join("\n") },
});

describe("what a person sees", () => {
  beforeAll(() => void vi.stubEnv("TZ", "UTC"));
  afterAll(() => void vi.unstubAllEnvs());

  it.each(cases)("$name", async ({ name, show, options }) => {
    const captured = await capture(options);
    show(captured.presenter);
    await expect(captured.transcript()).toMatchFileSnapshot(`../../golden/${name.split(" ")[0]}.txt`);
  });
});
