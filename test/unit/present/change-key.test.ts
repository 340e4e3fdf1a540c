import { describe, expect, it } from "vitest";
import { changeKey } from "../../../src/cli/present/change-key.ts";
import { statusDocument } from "../../../src/cli/present/json-documents.ts";
import type { ProcessEntry } from "../../../src/process/table.ts";
import type { SessionStatus } from "../../../src/session/session-status.ts";
import type { Status } from "../../../src/session/status.ts";
import { clients, now, processEntry, sessionStatus, status } from "./samples.ts";

const keyOf = (change: Partial<Status>, at = now) => changeKey(statusDocument({ ...status, ...change }, at));
const session = (change: Partial<SessionStatus>) => keyOf({ sessions: [{ ...sessionStatus, ...change }] });
const agent = (change: Partial<ProcessEntry>) => session({ processes: [processEntry(change)] });

describe("changeKey", () => {
  it("stays the same while only time passes", () => {
    const later = new Date(now.getTime() + 60_000);
    expect(keyOf({}, later)).toBe(keyOf({}));
    expect(session({ activeSeconds: 9_999, lastActivity: later, lastOutputAt: later })).toBe(session({}));
    expect(agent({ cpuSeconds: 9, cpuPercent: 99, residentBytes: 1, state: "running" })).toBe(agent({}));
    const [first] = status.queue;
    const queue = first === undefined ? [] : [{ ...first, waitingSeconds: 9_999 }];
    expect(keyOf({ queue })).toBe(keyOf({}));
  });

  it.each<[string, string]>([
    ["a process", session({ processes: [] })],
    ["a client", session({ clients: clients.slice(1) })],
    ["the state of the session", session({ state: "ending" })],
    ["the queue", keyOf({ queue: [] })],
    ["a problem", keyOf({ problems: ["it burns"] })],
    ["the session", keyOf({ sessions: [] })],
  ])("changes with %s", (_, changed) => {
    expect(changed).not.toBe(keyOf({}));
  });

  it("changes when a process is stopped", () => {
    expect(agent({ state: "stopped" })).not.toBe(agent({}));
  });
});
