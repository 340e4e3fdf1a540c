import { describe, expect, it } from "vitest";
import type { JudgedClaim } from "../../../src/lock/claim-directory.ts";
import { here } from "../../../src/process/identity.ts";
import type { Context } from "../../../src/session/context.ts";
import type { SessionInfo } from "../../../src/session/session-info.ts";
import { findUnsettled } from "../../../src/session/unsettled.ts";
import { FakeMachine, type FakeProcess } from "../../support/fake-machine.ts";

const by = { user: "dev", host: "here", pid: 1, tty: null };
const owner = { pid: 999_999, started: "1", ...here() };

/** A lock whose holder died without a word, and left this agent. */
function leftBehind(machine: FakeMachine, agent: FakeProcess): { context: Context; claim: JudgedClaim } {
  const session: SessionInfo = {
    kind: "session",
    uid: "01m7yv9ncdhr0wkhtc4a765bm8",
    id: "demo",
    mode: "foreground",
    command: ["node", "agent.js"],
    cwd: "/",
    created_at: "2025-06-29T10:34:03.000Z",
    started_at: "2025-06-29T10:34:03.100Z",
    by,
    owner: null,
    note: null,
    phase: "running",
    agent: agent.identity,
    leads_group: false,
    close: false,
    stop_signal: "SIGTERM",
    kill_after_ms: 10_000,
    max_time_ms: null,
    token: null,
    ready: null,
    ready_at: null,
    idle_ms: null,
  };
  const record = { state: "held", info: { session, unsettled: [] }, owner };
  const claim = { number: 1, path: "claims/session.1", record, owner: "dead", free: true, heartbeat: "dead" };
  const context = { lock: { below: () => Promise.resolve(null) }, processes: () => Promise.resolve(machine) };
  // Only what is asked of them here.
  return { context: context as unknown as Context, claim: claim as unknown as JudgedClaim };
}

describe("findUnsettled", () => {
  it("names what still runs of a session whose keeper is dead (R2.3)", async () => {
    const machine = new FakeMachine();
    const agent = machine.start();
    const { context, claim } = leftBehind(machine, agent);
    expect(await findUnsettled(context, claim)).toMatchObject([
      { session: { id: "demo" }, processes: [{ pid: agent.pid }] },
    ]);
  });

  it("does not count a process that is dying: its death is what freed the lock (R4.6)", async () => {
    const machine = new FakeMachine();
    const agent = machine.start({ argv: [], command: "[node]" });
    const { context, claim } = leftBehind(machine, agent);
    let looks = 0;
    machine.onList = () => {
      looks += 1;
      if (looks === 3) machine.end(agent.pid);
    };
    expect(await findUnsettled(context, claim)).toMatchObject([{ session: { id: "demo" }, processes: [] }]);
    expect(looks).toBe(3);
  });

  it("counts a process without arguments that stays", async () => {
    const machine = new FakeMachine();
    const agent = machine.start({ argv: [], command: "[node]" });
    const { context, claim } = leftBehind(machine, agent);
    expect(await findUnsettled(context, claim)).toMatchObject([{ processes: [{ pid: agent.pid }] }]);
  });
});
