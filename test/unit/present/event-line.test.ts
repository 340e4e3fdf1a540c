import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { eventLine } from "../../../src/cli/present/event-line.ts";
import { plain } from "../../../src/cli/present/paint.ts";
import type { AnyEvent, EventFields, EventInput, EventKind } from "../../../src/journal/event.ts";
import { isKnownEvent } from "../../../src/journal/parse-event.ts";
import { capture } from "./captured-presenter.ts";
import { ci, end, event, now, session } from "./samples.ts";

const style = { paint: plain, now, cwd: "/", verbose: false, invocation: "holdfast", env: {} };
const line = (input: EventInput | Record<string, unknown>) => eventLine(event(input), style);
const sentence = (input: EventInput | Record<string, unknown>) => line(input).replace(/^.*?my_test_session {2}/, "");
const client = { uid: "c", name: "ci", pid: 30_110 };
const ended = { event: "ended" as const, lock: "session", ...end };

/** One of each kind; a kind without one does not compile. */
const oneOfEach: { readonly [Kind in EventKind]: EventFields[Kind] } = {
  claimed: { command: ["node", "engine.js"], cwd: "/srv", note: "hands off" },
  started: { command: ["node", "my engine.js"], pid: 29_625 },
  start_failed: { reason: "NOT_FOUND", message: "Command not found: nodee\n/srv" },
  ready: { after_seconds: 3.4 },
  restarted: { pid: 29_900, restarts: 2, exit_code: 1, signal: null },
  joined: { client },
  left: { client, reason: "gone" },
  typed: { lines: 2 },
  stop_requested: { reason: "deploying", signal: "SIGINT" },
  ended: end,
  process_ended: { pid: 29_640, command: "node worker.js", how: "SIGKILL", why: "orphaned" },
  cleaned: { what: "session my_test_session", why: "clean-up", result: "ended" },
  removed: { why: "ended long enough ago" },
  queued: { position: 2, command: ["npm", "test"] },
  unqueued: { reason: "gave up" },
  orphaned: { processes: [{ pid: 29_640, command: "node worker.js" }] },
  output_cut: { limit_bytes: 100_000_000, first_byte: 52_428_800 },
  output_not_cut: { limit_bytes: 65_536, reason: "the native part cannot be loaded" },
  lock_lost: { reason: "the state directory was removed" },
  lock_restored: {},
  hook_failed: { hook: "started", command: "./notify", exit_code: 1, signal: null, message: "no network" },
};

describe("a line of the log (R3.7)", () => {
  beforeAll(() => void vi.stubEnv("TZ", "UTC"));
  afterAll(() => void vi.unstubAllEnvs());

  it("has a sentence for every kind of event", async () => {
    const events = Object.entries(oneOfEach).map(([kind, fields]) => event({ event: kind, token: 42, ...fields }));
    expect(events.filter((each) => !isKnownEvent(each))).toEqual([]);
    const { presenter, stdout } = await capture();
    presenter.events(events, false);
    await expect(stdout()).toMatchFileSnapshot("../../golden/events.txt");
  });

  it("is as documented", () => {
    expect(line({ event: "claimed", token: 42, command: ["node"], cwd: "/" })).toBe(
      "[2025-06-29 10:34:03] 🔒 my_test_session  lock taken (token 42) by dev on pts/0",
    );
    expect(line({ ...ended, processes: end.processes.slice(0, 1) })).toBe(
      "[2025-06-29 10:34:03] 🛑 my_test_session  stopped by dev after 6m 20s (exit 0, SIGTERM)",
    );
  });

  it.each([
    [{ reason: "exited", processes: [] }, "ended by itself after 6m 20s (exit 0)"],
    [{ reason: "exited", exit_code: 3 }, "ended by itself after 6m 20s (exit 3), 2 processes it left ended"],
    [
      { reason: "signalled", exit_code: null, signal: "SIGSEGV", processes: [] },
      "killed from outside after 6m 20s (SIGSEGV)",
    ],
    [{ stop_reason: "deploying" }, "stopped by dev after 6m 20s (exit 0, SIGTERM), 2 processes ended: deploying"],
    [{ by: ci, processes: [] }, "stopped by nightly-job after 6m 20s (exit 0)"],
    [{ reason: "max_time", processes: [] }, "ended after 6m 20s, its time limit (exit 0)"],
    [{ reason: "idle_timeout", processes: [] }, "ended after 6m 20s: it was silent for too long (exit 0)"],
    [
      { reason: "lost", exit_code: null, processes: [] },
      "lost after 6m 20s: its keeper died without a word (noticed by dev)",
    ],
    [{ reason: "lock_lost", processes: [] }, "ended after 6m 20s: its lock was lost (exit 0)"],
    [{ reason: "start_failed", exit_code: null, processes: [], message: "no node" }, "did not start: no node"],
    [{ reason: "abducted", processes: [] }, "ended (abducted) after 6m 20s (exit 0)"],
  ])("tells the end %j (R2.1)", (change, text) => {
    expect(sentence({ ...ended, ...change })).toBe(text);
  });

  it("tells what it can of a newer version's events", () => {
    expect(sentence({ event: "hibernated", newer: true, depth: 3, why: "cold", more: { deep: 1 } })).toBe(
      "hibernated (written by a newer holdfast) by dev, depth 3, why cold",
    );
    expect(sentence({ ...ended, event: "ended@2", newer: true })).toMatch(
      /^ended@2 \(written by a newer holdfast\) by dev/,
    );
  });

  it("shows the local time, whatever that is", () => {
    vi.stubEnv("TZ", "Asia/Kathmandu");
    expect(line({ event: "lock_restored" })).toMatch(/^\[2025-06-29 16:19:03\] /);
    vi.stubEnv("TZ", "UTC");
    expect(line({ event: "lock_restored", time: "no time" })).toMatch(/^\[-\] /);
  });

  it("lets no event break its line or reach the terminal", () => {
    const nasty = "\u001B[2J\nfake line\u202E";
    const hostile: readonly AnyEvent[] = [
      event({ event: "hook_failed", hook: nasty, command: nasty, exit_code: null, signal: null, message: nasty }),
      event({ event: "joined", client: { ...client, name: nasty } }),
      event({ event: "started", command: [nasty], pid: 1 }),
      event({ event: "cleaned", what: nasty, why: nasty, result: nasty }),
      event({
        event: "claimed",
        command: [],
        cwd: "",
        by: { user: nasty, host: nasty, pid: 1, tty: nasty },
        note: nasty,
      }),
      event({ ...ended, reason: nasty, message: nasty, signal: nasty, processes: [] }),
      event({ event: nasty, [nasty]: nasty, session: session.id }),
    ];
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    const unsafe = /[\u0000-\u001F\u007F-\u009F\u202E]/;
    for (const each of hostile) expect(eventLine(each, style)).not.toMatch(unsafe);
  });
});

it("text of several lines is told on one, however many blanks it has", () => {
  const begunMs = performance.now();
  const reason = ` \n a \n\n  b${" ".repeat(200_000)}c\r\n`;
  expect(sentence({ event: "lock_lost", reason })).toBe(`lock lost: a / b${" ".repeat(200_000)}c`);
  expect(performance.now() - begunMs).toBeLessThan(3000);
});
