import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { JudgedClaim } from "../../../src/lock/claim-directory.ts";
import type { Lock } from "../../../src/lock/lock.ts";
import { oneAtATime } from "../../../src/lock/slots.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { claimRecord } from "../../support/lock-forgery.ts";
import { lockPlace } from "../../support/lock-place.ts";

const record = claimRecord(lockPlace("/nowhere", "kernel"));

const claim: JudgedClaim = { number: 1, path: "/nowhere", record, heartbeat: "beating", owner: "alive", free: false };

/** A gate at which this one stands, and does not move. */
function gateOf(holder: JudgedClaim | null): Lock {
  const view = { holder, last: holder, waiters: [] };
  return { acquire: async () => ({ held: null, views: [view] }) } as unknown as Lock;
}

describe("who takes a slot while another stands still in doing so", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["hrtime", "setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ["names it", claim, record.owner.pid],
    ["says that nobody is known", null, null],
  ])("gives up after ten seconds, and %s (BUSY)", async (_, holder, pid) => {
    const task = vi.fn<() => Promise<void>>();
    const refused = rejectionOf(oneAtATime(gateOf(holder), task));
    await vi.advanceTimersByTimeAsync(9_900);
    expect(task).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(await refused).toMatchObject({ code: "BUSY", facts: { pid } });
    expect(task).not.toHaveBeenCalled();
  });
});
