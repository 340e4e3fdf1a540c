import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ClaimDirectory } from "../../../src/lock/claim-directory.ts";
import { KernelPulse } from "../../../src/lock/kernel-pulse.ts";
import { LeasePulse } from "../../../src/lock/lease-pulse.ts";
import { claimPath } from "../../support/lock-files.ts";
import { setAge } from "../../support/lock-forgery.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse, pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const proc = vi.hoisted(() => ({ isThere: true }));

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const readFileSync = (...given: Parameters<typeof real.readFileSync>) => {
    if (given[0] === "/proc/locks" && !proc.isThere) throw new Error("There is no /proc");
    return real.readFileSync(...given);
  };
  return { ...real, readFileSync };
});

afterEach(() => void (proc.isThere = true));

/** The claims of a lock, as a process sees them that cannot load the native part. */
function withoutNative({ claims }: LockPlace): ClaimDirectory {
  const kernel = new KernelPulse(null, { shared: false, name: "local" });
  return new ClaimDirectory(claims, "session", { kernel, lease: new LeasePulse() });
}

describe("a damaged claim, without the native part", () => {
  it("may be held where the kernel lists a lock on it, or lists nothing at all, and else is not", async () => {
    const place = lockPlace(temporaryDirectory(), pulsesHere[0]);
    const { held } = await openLock(place).acquire({ purpose: "session", info: null });
    for (const token of [1, 2]) writeFileSync(claimPath(place, token), "garbage\n");
    const claims = withoutNative(place);
    const areHeld = () => Promise.all([1, 2, 3].map((token) => claims.isHeldThoughUnreadable(token)));
    expect(await areHeld()).toEqual([hasKernelPulse, false, false]);
    proc.isThere = false;
    expect(await areHeld()).toEqual([true, true, true]);
    await held?.release(null);
  });
});

describe("a draft that was left behind, without the native part", () => {
  it("is swept, unless there may be a lock on it (R2.6)", async () => {
    const place = lockPlace(temporaryDirectory(), "lease");
    openLock(place);
    const left = join(place.claims, ".new-session-1-left");
    writeFileSync(left, "");
    setAge(left, 120_000);
    proc.isThere = false;
    await withoutNative(place).removeAbandoned();
    expect(existsSync(left)).toBe(true);
    proc.isThere = true;
    await withoutNative(place).removeAbandoned();
    expect(existsSync(left)).toBe(false);
  });
});
