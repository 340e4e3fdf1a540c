import { describe, expect, it } from "vitest";
import type { JudgedClaim } from "../../../src/lock/claim-directory.ts";
import { homeAt } from "../../../src/home/locate.ts";
import { here } from "../../../src/process/identity.ts";
import type { Context } from "../../../src/session/context.ts";
import type { SessionInfo } from "../../../src/session/session-info.ts";
import { findUnsettled } from "../../../src/session/unsettled.ts";
import { session as sample } from "../present/samples.ts";
import { FakeMachine, type FakeProcess } from "../../support/fake-machine.ts";

const owner = { pid: 999_999, started: "1", ...here() };

/** A lock whose holder died without a word, and left this agent. */
function leftBehind(machine: FakeMachine, agent: FakeProcess): { context: Context; claim: JudgedClaim } {
  const session: SessionInfo = { ...sample, id: "demo", mode: "foreground", leads_group: false, agent: agent.identity };
  const record = { state: "held", info: { session, unsettled: [] }, owner, pulse: { kind: "kernel" } };
  const claim = { number: 1, path: "claims/session.1", record, owner: "dead", free: true, heartbeat: "dead" };
  const lock = { below: () => Promise.resolve(null) };
  const context = { home: homeAt("/", "/no/state"), lock, processes: () => Promise.resolve(machine) };
  // Only what is asked of them here.
  return { context: context as unknown as Context, claim: claim as unknown as JudgedClaim };
}

describe("findUnsettled", () => {
  it("names what still runs of a session whose keeper is dead (R2.3)", async () => {
    const machine = new FakeMachine();
    const agent = machine.start({ env: { HOLDFAST_SESSION: sample.uid } });
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
