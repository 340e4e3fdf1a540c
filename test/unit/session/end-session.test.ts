import { describe, expect, it } from "vitest";
import { here } from "../../../src/process/identity.ts";
import { endSession } from "../../../src/session/cleanup-steps.ts";
import type { Context } from "../../../src/session/context.ts";
import { session } from "../present/samples.ts";

const owner = { pid: 999_999, started: "1", ...here() };

describe("a clean-up that has chosen a session", () => {
  it("leaves the next one alone that took its id meanwhile, active or in line (R1.3)", async () => {
    const next = { ...session, uid: "01jyx3kq0zotherotherother" };
    const record = { state: "held", info: { session: next, unsettled: [] }, owner };
    const holder = { number: 2, path: "claims/session.2", record, owner: "alive", free: false, heartbeat: "alive" };
    const waiter = { record: { info: { id: session.id, by: session.by, command: ["x"] }, owner } };
    const appended: unknown[] = [];
    const context = {
      config: { agent: { command: null } },
      lock: { name: "session", look: () => Promise.resolve({ holder, last: holder, waiters: [waiter] }) },
      journal: { append: (event: unknown) => appended.push(event) },
      env: {},
      home: { claims: "nowhere", queue: "nowhere", lockLink: () => "session.lock" },
    };
    // Only what is asked of it here.
    const action = await endSession(context as unknown as Context, {}, session, "idle without a client");
    expect(action).toMatchObject({ name: session.id, result: "ended", detail: "it ended by itself meanwhile" });
    expect(appended).toEqual([]);
  });
});
