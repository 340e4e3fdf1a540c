import { Failure, type NextStep } from "../../../src/failure.ts";
import type { Actor, AnyEvent, EventInput } from "../../../src/journal/event.ts";
import type { ProcessEntry } from "../../../src/process/table.ts";
import type { Client } from "../../../src/session/clients.ts";
import type { Joined } from "../../../src/session/join.ts";
import type { Listing } from "../../../src/session/list.ts";
import type { HolderCard } from "../../../src/session/refusals.ts";
import type { SessionEnd } from "../../../src/session/session-end.ts";
import type { SessionInfo } from "../../../src/session/session-info.ts";
import type { SessionStatus } from "../../../src/session/session-status.ts";
import type { Status } from "../../../src/session/status.ts";
import type { TmuxDetails } from "../../../src/tmux/tmux-server.ts";

const toStart: NextStep = { does: "start one", command: "holdfast start ID -- COMMAND" };

/** The moment every sample is looked at. */
export const now = new Date("2025-06-29T10:54:01.000Z");
const begun = "2025-06-29T10:34:03.000Z";

const dev: Actor = { user: "dev", host: "build1", pid: 29_600, tty: "pts/0" };
export const ci: Actor = { user: "ci", host: "build1", pid: 30_110, tty: null, name: "nightly-job" };

const identity = (pid: number) => ({ pid, started: "4711", boot: "b", pid_ns: "pid:[1]", host: "build1" });

export const session: SessionInfo = {
  kind: "session",
  uid: "01jyx3kq0zabcdefghjkmnpqrs",
  id: "my_test_session",
  mode: "background",
  command: ["node", "engine.js"],
  cwd: "/srv/project",
  state_directory: "/srv/project/.holdfast",
  created_at: begun,
  started_at: "2025-06-29T10:34:03.250Z",
  by: dev,
  owner: null,
  note: null,
  phase: "running",
  agent: identity(29_625),
  descent: null,
  leads_group: true,
  close: false,
  launcher: null,
  pid_file: null,
  stop_command: null,
  stop_signal: "SIGTERM",
  kill_after_ms: 10_000,
  max_time_ms: null,
  token: null,
  slot: 1,
  slots: 1,
  ready: null,
  ready_at: null,
  idle_ms: null,
  max_output_bytes: 100_000_000,
  output_problem: null,
  restart: "no",
  max_restarts: null,
  restarts: 0,
  restart_at: null,
  tmux: null,
};

/** The same in a tmux session. */
export const inTmux: SessionInfo = {
  ...session,
  tmux: {
    socket: "/tmp/tmux-1000/holdfast-0f3a9c11-01jyx3kq0zabcdefghjkmnpqrs",
    name: "my_test_session",
    pane: "%0",
    server: identity(29_620),
  },
};

export const tmuxDetails: TmuxDetails = {
  serverPid: 29_620,
  attached: 2,
  columns: 120,
  rows: 40,
  alternateScreen: false,
};

const longCommand = ["node", "engine.js", "--strategies", "a-very-long-list-of-strategies,".repeat(5), "the end"];

export function processEntry(change: Partial<ProcessEntry> = {}): ProcessEntry {
  const pid = change.pid ?? 29_625;
  return {
    identity: identity(pid),
    pid,
    ppid: 29_610,
    pgid: 29_625,
    sid: 29_625,
    uid: 1000,
    user: "dev",
    name: "node",
    command: "node engine.js",
    argv: ["node", "engine.js"],
    state: "sleeping",
    startedAt: new Date(begun),
    cpuSeconds: 0.42,
    cpuPercent: 0.04,
    residentBytes: 29_100_000,
    tty: "pts/0",
    ...change,
  };
}

const worker = processEntry({
  pid: 29_640,
  ppid: 29_625,
  command: "node worker.js --backtest",
  startedAt: new Date("2025-06-29T10:34:04.000Z"),
  residentBytes: 11_000_000,
});

export const clients: readonly Client[] = [
  { uid: "c1", name: "dev", user: "dev", joined_at: "2025-06-29T10:35:12.000Z", process: identity(29_700) },
  { uid: "c2", name: "nightly-job", user: "ci", joined_at: "2025-06-29T10:53:00.500Z", process: identity(30_110) },
];

export const sessionStatus: SessionStatus = {
  state: "active",
  session,
  token: 42,
  pulse: "kernel",
  keeperPid: 29_610,
  where: "here",
  host: "build1",
  visible: true,
  activeSeconds: 1198,
  lastActivity: new Date("2025-06-29T10:53:59.000Z"),
  lastOutputAt: null,
  processes: [processEntry(), worker],
  unproven: [],
  clients,
  tmux: null,
};

export const status: Status = {
  lock: "session",
  slots: 1,
  lockFile: "/srv/project/.holdfast/session.lock",
  sessions: [sessionStatus],
  outside: [],
  processCount: 2,
  operations: [
    { kind: "backtest", pids: [29_640] },
    { kind: "generation", pids: [] },
    { kind: "validation", pids: [] },
    { kind: "optimisation", pids: [] },
  ],
  queue: [
    {
      position: 1,
      waiter: { id: "nightly", by: { ...ci, name: "ci" }, command: ["npm", "run", "nightly"] },
      pid: 30_200,
      where: "here",
      host: "build1",
      since: "2025-06-29T10:51:01.000Z",
      waitingSeconds: 180,
    },
  ],
  pidFile: null,
  problems: [],
  trouble: [],
  hidden: null,
  toStart,
};

export const emptyListing: Listing = {
  directory: "/home/dev/site",
  stateDirectory: "/home/dev/site/.holdfast",
  locks: ["session"],
  sessions: [],
  more: false,
  trouble: [],
  hidden: null,
  toStart,
};

export const nothing: Status = { ...status, sessions: [], processCount: 0, operations: [], queue: [] };

export const outsider = processEntry({
  pid: 4242,
  command: "node engine.js --old",
  startedAt: new Date("2025-06-11T06:00:00.000Z"),
  state: "stopped",
  tty: null,
  cpuPercent: 99.96,
  residentBytes: 1_250_000_000,
});

export const holder: HolderCard = {
  id: "my_test_session",
  uid: session.uid,
  token: 42,
  command: ["node", "engine.js"],
  pid: 29_625,
  user: "dev",
  host: "build1",
  tty: "pts/0",
  owner: null,
  since: begun,
  held_seconds: 1198,
  last_output_at: "2025-06-29T10:53:59.000Z",
  where: "here",
  orphaned: false,
  ending: false,
};

export const busy = new Failure("BUSY", "Session already active: my_test_session", {
  facts: { holder },
  next: [
    { does: "join it", command: "holdfast join my_test_session" },
    { does: "wait", command: "holdfast start other --wait 10m -- sleep 1" },
    { does: "stop it", command: "holdfast stop my_test_session" },
  ],
});

export const busyElsewhere = new Failure("BUSY", busy.message, {
  facts: { holder: { ...holder, pid: 7, where: "other_pid_namespace" } satisfies HolderCard },
  next: busy.next,
});

export const end: SessionEnd = {
  ended_at: "2025-06-29T10:40:23.000Z",
  duration_seconds: 380,
  reason: "stopped",
  exit_code: 0,
  signal: null,
  last_activity: "2025-06-29T10:40:20.000Z",
  ended_by: dev,
  stop_reason: null,
  processes: [
    { pid: 29_625, command: "node engine.js", how: "SIGTERM", started_at: begun },
    { pid: 29_640, command: "node worker.js", how: "exited", started_at: begun },
  ],
  survivors: [],
};

const ended = { schema_version: 1, lock: "session", session: { ...session, phase: "ended", token: 40 }, end } as const;
const failed: SessionEnd = { ...end, reason: "exited", exit_code: 3, ended_at: "2025-06-28T23:10:00.000Z" };

export const listing: Listing = {
  directory: "/srv/app",
  stateDirectory: "/srv/app/.holdfast",
  locks: ["session", "nightly"],
  sessions: [
    ...status.queue.map((entry) => ({ kind: "queued", lock: "nightly", entry }) as const),
    {
      kind: "queued",
      lock: "nightly",
      entry: { position: 2, waiter: null, pid: 30_201, where: "here", host: "build1", since: begun, waitingSeconds: 1 },
    },
    { ...sessionStatus, kind: "live", lock: "session", clients: 2 },
    {
      ...sessionStatus,
      kind: "live",
      lock: "nightly",
      state: "orphaned",
      session: { ...session, id: "old" },
      clients: 0,
    },
    { kind: "ended", record: { ...ended, session: { ...ended.session, id: "monday" } } },
    { kind: "ended", record: { ...ended, session: { ...ended.session, command: longCommand }, end: failed } },
    { kind: "ended", record: { ...ended, lock: null, end: { ...end, reason: "lost", exit_code: null } } },
  ],
  more: true,
  trouble: [],
  hidden: null,
  toStart,
};

/** Only one lock, as it usually is, and no more than is shown. */
export const oneLock: Listing = { ...listing, locks: ["session"], sessions: listing.sessions.slice(2, 3), more: false };

export const joined: Joined = {
  state: "active",
  // The claim's number is the token; nothing else of it is shown.
  where: "here",
  active: { claim: { number: 42 }, session, orphaned: false } as Joined["active"],
  client: clients[1] as Client,
  clients,
};

/** An event as a reader of the log meets it. */
export function event(input: EventInput | Record<string, unknown>): AnyEvent {
  const base = { schema_version: 1, time: begun, lock: "session", session: session.id, uid: session.uid, by: dev };
  return { ...base, ...input } as AnyEvent;
}
