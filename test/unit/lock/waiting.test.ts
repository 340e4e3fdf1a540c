import { appendFileSync, closeSync, mkdirSync, openSync, unlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatClaim } from "../../../src/lock/claim-record.ts";
import { KernelPulse } from "../../../src/lock/kernel-pulse.ts";
import { LeasePulse } from "../../../src/lock/lease-pulse.ts";
import { nativeLocks, type NativeLocks } from "../../../src/lock/native.ts";
import type { PulsedFile } from "../../../src/lock/pulse.ts";
import { systemClock } from "../../../src/process/clock.ts";
import { selfIdentity } from "../../../src/process/identity.ts";
import { claimRecord, distantOwner, forgeClaim, forgeLease } from "../../support/lock-forgery.ts";
import { lockPlace, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const local = { shared: false, name: "local" };

function newPlace(pulse: "kernel" | "lease"): LockPlace {
  const place = lockPlace(temporaryDirectory(), pulse, { staleMs: 15_000 });
  mkdirSync(place.claims);
  return place;
}

/** A lease pulse for which the time passes that is told to. */
function newLease(): LeasePulse {
  return new LeasePulse(15_000, { wallMs: Date.now, clock: { ...systemClock, now: Date.now } });
}

function native(): NativeLocks {
  const loaded = nativeLocks();
  if (loaded instanceof Error) throw loaded;
  return loaded;
}

/** Whether it has settled, after everything that was due has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => void (settled = true);
  promise.then(settle, settle);
  await vi.advanceTimersByTimeAsync(0);
  return settled;
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
afterEach(() => void vi.useRealTimers());

describe("waiting for the end of a kernel pulse", () => {
  function forged(): PulsedFile {
    return { path: forgeClaim(newPlace("kernel")), mark: { kind: "kernel" }, owner: selfIdentity() };
  }

  it.skipIf(!hasKernelPulse)("is over at once for a claim that is dead or gone", async () => {
    const file = forged();
    const pulse = new KernelPulse(native(), local);
    await pulse.waitForEnd(file);
    unlinkSync(file.path);
    await pulse.waitForEnd(file);
    expect(await pulse.probe(file)).toBe("dead");
  });

  it.skipIf(!hasKernelPulse)("is given up when told to, before it begins or while it lasts", async () => {
    const file = forged();
    const pulse = new KernelPulse(native(), local);
    const holder = openSync(file.path, "r+");
    native().tryLock(holder);
    await expect(pulse.waitForEnd(file, AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
    const abort = new AbortController();
    const waiting = pulse.waitForEnd(file, abort.signal);
    expect(await isSettled(waiting)).toBe(false);
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    closeSync(holder);
  });

  it("looks again after a second where the kernel cannot be asked, and does not end the process meanwhile", async () => {
    const blind = new KernelPulse(null, local);
    const waiting = blind.waitForEnd(forged());
    expect(await isSettled(waiting)).toBe(false);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await isSettled(waiting)).toBe(true);
    const abort = new AbortController();
    const given = blind.waitForEnd(forged(), abort.signal);
    abort.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
  });
});

describe("waiting for the end of a lease", () => {
  function forged(place: LockPlace): PulsedFile {
    return { path: forgeClaim(place, { owner: distantOwner }), mark: claimRecord(place).pulse, owner: distantOwner };
  }

  it("is over at once when the claim was released before, though it might be changing hands", async () => {
    const place = newPlace("lease");
    const file = forged(place);
    appendFileSync(file.path, formatClaim({ ...claimRecord(place), state: "released" }));
    await newLease().waitForEnd(file);
    unlinkSync(file.path);
    await newLease().waitForEnd(file);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is over when its owner has written something: it may be released, or another's", async () => {
    const place = newPlace("lease");
    const file = forged(place);
    forgeLease(place, 0);
    const waiting = newLease().waitForEnd(file);
    expect(await isSettled(waiting)).toBe(false);
    appendFileSync(file.path, formatClaim(claimRecord(place)));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await isSettled(waiting)).toBe(true);
  });

  it("is over within a second of its being stale, also where no file system tells of changes", async () => {
    const place = newPlace("lease");
    const file = forged(place);
    forgeLease(place, 0);
    const waiting = newLease().waitForEnd(file);
    await vi.advanceTimersByTimeAsync(14_000);
    expect(await isSettled(waiting)).toBe(false);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await isSettled(waiting)).toBe(true);
  });

  it("is given up when told to, before it begins or while it lasts", async () => {
    const place = newPlace("lease");
    const file = forged(place);
    forgeLease(place, 0);
    const early = newLease().waitForEnd(file, AbortSignal.abort(new Error("too late")));
    await expect(early).rejects.toThrow("too late");
    const abort = new AbortController();
    const waiting = newLease().waitForEnd(file, abort.signal);
    expect(await isSettled(waiting)).toBe(false);
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});
