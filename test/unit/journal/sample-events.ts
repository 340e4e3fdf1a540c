import * as fc from "fast-check";
import type { EventInput, EventKind } from "../../../src/journal/event.ts";

const session = { lock: "session", session: "demo", uid: "01jz0000000000000000000000", token: 42 } as const;
const by = { user: "dev", host: "build1", pid: 100, tty: "pts/0", name: "ci" };
const client = { uid: "01jz0000000000000000000001", name: "ci", pid: 30_110 };

/** One event of every kind, as complete as can be. */
export const sampleEvents: { readonly [Kind in EventKind]: EventInput & { readonly event: Kind } } = {
  claimed: { ...session, by, event: "claimed", command: ["node", "engine.js"], cwd: "/p", note: "größe", owner: "dev" },
  started: { ...session, event: "started", pid: 29_625, command: ["node", "engine.js"] },
  start_failed: { ...session, event: "start_failed", reason: "not_found", message: "no such command" },
  ready: { ...session, event: "ready", after_seconds: 1.5 },
  restarted: { ...session, event: "restarted", pid: 29_700, restarts: 1, exit_code: 1, signal: null },
  joined: { ...session, by, event: "joined", client },
  left: { ...session, event: "left", client, reason: "gone" },
  typed: { ...session, by, event: "typed", lines: 2 },
  stop_requested: { ...session, by, event: "stop_requested", reason: "done for today", signal: "SIGTERM" },
  ended: {
    ...session,
    by,
    event: "ended",
    ended_at: "2025-06-29T10:40:23.000Z",
    duration_seconds: 380,
    exit_code: null,
    signal: "SIGTERM",
    reason: "stopped",
    last_activity: "2025-06-29T10:40:22.000Z",
    processes: [{ pid: 29_625, command: "node engine.js", how: "SIGTERM", started_at: null }],
  },
  process_ended: { lock: "session", event: "process_ended", pid: 7, command: "node", how: "SIGKILL", why: "orphan" },
  cleaned: { lock: "session", event: "cleaned", what: "tmux session demo", why: "ended", result: "killed" },
  removed: { ...session, event: "removed", why: "ended an hour ago", ended_at: "2025-06-29T10:40:23.000Z" },
  queued: { lock: "session", session: "nightly", event: "queued", position: 1, ticket: 7, command: ["make"] },
  unqueued: { lock: "session", session: "nightly", event: "unqueued", reason: "cancelled", ticket: 7 },
  orphaned: { ...session, event: "orphaned", processes: [{ pid: 29_625, command: "node engine.js" }] },
  output_cut: { ...session, event: "output_cut", limit_bytes: 100_000_000, first_byte: 50_000_123 },
  output_not_cut: { ...session, event: "output_not_cut", limit_bytes: 65_536, reason: "no native part" },
  lock_lost: { ...session, event: "lock_lost", reason: "the state directory was removed" },
  lock_restored: { ...session, event: "lock_restored" },
  hook_failed: {
    ...session,
    event: "hook_failed",
    hook: "ended",
    command: "false",
    exit_code: 1,
    signal: null,
    message: "",
  },
};

/** A short event that carries any text at all, newlines, half characters and NUL included. */
export const anyNote: fc.Arbitrary<EventInput> = fc
  .string({ unit: "binary", maxLength: 40 })
  .map((what) => ({ event: "cleaned", lock: "session", what, why: "test", result: "none" }));
