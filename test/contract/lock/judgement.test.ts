import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, it, onTestFinished } from "vitest";
import { ClaimDirectory, type JudgedClaim } from "../../../src/lock/claim-directory.ts";
import type { FileSystemKind } from "../../../src/lock/file-system-kind.ts";
import { KernelPulse } from "../../../src/lock/kernel-pulse.ts";
import { LeasePulse } from "../../../src/lock/lease-pulse.ts";
import { nativeLocks, type NativeLocks } from "../../../src/lock/native.ts";
import { selfIdentity } from "../../../src/process/identity.ts";
import { claimRecord, deadOwner, distantOwner, forgeClaim, forgeLease, setAge } from "../../support/lock-forgery.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const local: FileSystemKind = { shared: false, name: "local" };
const shared: FileSystemKind = { shared: true, name: "NFS" };
const rebooted = { ...selfIdentity(), boot: "the-boot-before" };

function newPlace(pulse: "kernel" | "lease", staleMs = 2_000): LockPlace {
  const place = lockPlace(temporaryDirectory(), pulse, { staleMs });
  mkdirSync(place.claims);
  mkdirSync(place.queue);
  return place;
}

function native(): NativeLocks {
  const loaded = nativeLocks();
  if (loaded instanceof Error) throw loaded;
  return loaded;
}

/** As on this machine: also without the native part. */
function kernelPulse(): KernelPulse {
  return new KernelPulse(hasKernelPulse ? native() : null, local);
}

function judge(place: LockPlace, kernel: KernelPulse = kernelPulse()): Promise<JudgedClaim | null> {
  const lease = new LeasePulse(place.staleMs);
  return new ClaimDirectory(place.claims, place.name, { kernel, lease }).judge(1);
}

// What locks are needed for is left out where there are none.
describe("a claim with a kernel pulse", () => {
  it.skipIf(!hasKernelPulse)("is dead when nothing locks it, whatever its owner's PID is used for now", async () => {
    const place = newPlace("kernel");
    forgeClaim(place, { owner: deadOwner });
    expect(await judge(place)).toMatchObject({ heartbeat: "dead", owner: "dead", free: true });
    forgeClaim(place, { owner: selfIdentity() });
    expect(await judge(place)).toMatchObject({ heartbeat: "dead", owner: "alive", free: true });
  });

  it.skipIf(!hasKernelPulse)(
    "beats as long as it is locked, also when its owner is dead, and only a release ends it before",
    async () => {
      const place = newPlace("kernel");
      const path = forgeClaim(place, { owner: deadOwner });
      const descriptor = openSync(path, "r+");
      expect(native().tryLock(descriptor)).toBe(true);
      expect(await judge(place)).toMatchObject({ heartbeat: "beating", owner: "dead", free: false });
      // Looking has not disturbed it.
      expect(await judge(place)).toMatchObject({ heartbeat: "beating", free: false });
      forgeClaim(place, { owner: deadOwner, state: "released" });
      expect(await judge(place)).toMatchObject({ heartbeat: "dead", free: true });
      closeSync(descriptor);
    },
  );

  it("counts as alive where kernel locks cannot be asked, until it is released", async () => {
    const place = newPlace("kernel");
    const blind = new KernelPulse(null, local);
    forgeClaim(place, { owner: deadOwner });
    expect(await judge(place, blind)).toMatchObject({ heartbeat: "unknown", free: false });
    forgeClaim(place, { owner: deadOwner, state: "released" });
    expect(await judge(place, blind)).toMatchObject({ free: true });
  });

  it("refuses the lock where kernel locks cannot be asked, naming the claim", async () => {
    const place = newPlace("kernel");
    forgeClaim(place);
    const blind = new KernelPulse(null, local);
    const lease = new LeasePulse();
    const choice = { kind: "lease", why: "this test says so", fileSystem: local } as const;
    const lock = openLock(place, { byKind: { kernel: blind, lease }, forNew: lease, choice });
    const { held, ...refused } = await lock.acquire({ purpose: "session", info: null });
    expect(held).toBeNull();
    expect(refused).toMatchObject({ views: [{ holder: { number: 1, heartbeat: "unknown" } }] });
  });

  it.skipIf(!hasKernelPulse).each([
    { fileSystem: local, heartbeat: "dead", free: true },
    { fileSystem: shared, heartbeat: "unknown", free: false },
  ])("of another boot is $heartbeat on a $fileSystem.name file system, without its lock being asked", async (row) => {
    const place = newPlace("kernel");
    const path = forgeClaim(place, { owner: rebooted });
    const descriptor = openSync(path, "r+");
    native().tryLock(descriptor);
    const { heartbeat, free } = row;
    expect(await judge(place, new KernelPulse(native(), row.fileSystem))).toMatchObject({ heartbeat, free });
    closeSync(descriptor);
  });
});

describe("a claim with a lease pulse", () => {
  it.each([
    { of: "an owner that cannot be judged", owner: distantOwner, agoMs: 1_000, heartbeat: "beating" },
    { of: "an owner that cannot be judged", owner: distantOwner, agoMs: 3_000, heartbeat: "dead" },
    { of: "an owner whose clock is ahead", owner: distantOwner, agoMs: -60_000, heartbeat: "beating" },
    { of: "a host of this name, with another kernel", owner: rebooted, agoMs: 1_000, heartbeat: "beating" },
    { of: "a host of this name, with another kernel", owner: rebooted, agoMs: 3_000, heartbeat: "dead" },
    {
      of: "another PID namespace",
      owner: { ...selfIdentity(), pid_ns: "pid:[1]" },
      agoMs: 1_000,
      heartbeat: "beating",
    },
    { of: "a process that died here", owner: deadOwner, agoMs: 0, heartbeat: "dead" },
    { of: "a process that lives here", owner: selfIdentity(), agoMs: 1_000, heartbeat: "beating" },
    { of: "a process that lives here, without a heart", owner: selfIdentity(), agoMs: 3_000, heartbeat: "dead" },
  ])("of $of, $agoMs ms after its last beat, is $heartbeat (stale after 2 s)", async ({ owner, agoMs, heartbeat }) => {
    const place = newPlace("lease");
    setAge(forgeClaim(place, { owner }), 60_000);
    forgeLease(place, agoMs);
    expect(await judge(place)).toMatchObject({ heartbeat, free: heartbeat === "dead" });
  });

  it.each([
    { claimAgoMs: 1_000, heartbeat: "beating" },
    { claimAgoMs: 3_000, heartbeat: "dead" },
  ])(
    "without its lease is $heartbeat when it was written $claimAgoMs ms ago: it may be changing hands",
    async (row) => {
      const place = newPlace("lease");
      setAge(forgeClaim(place, { owner: distantOwner }), row.claimAgoMs);
      expect(await judge(place)).toMatchObject({ heartbeat: row.heartbeat });
    },
  );

  it("goes by the staleness that the claim names, not by that of who looks", async () => {
    const place = newPlace("lease", 60_000);
    forgeClaim(place, { owner: distantOwner });
    forgeLease(place, 30_000);
    const impatient = { ...place, staleMs: 2_000 };
    expect(await judge(impatient)).toMatchObject({ heartbeat: "beating" });
  });

  it("beats through every moment of changing hands", async () => {
    const place = newPlace("lease", 60_000);
    const path = forgeClaim(place, { owner: distantOwner });
    const passing = await passLeaseOn(join(place.claims, ".lease-forged"));
    const pulse = new LeasePulse(2_000);
    const verdicts = new Set<string>();
    for (let probe = 0; probe < 2_000; probe += 1) {
      verdicts.add(await pulse.probe({ path, mark: claimRecord(place).pulse, owner: distantOwner }));
    }
    await passing.stop();
    expect([...verdicts]).toEqual(["beating"]);
  });
});

/** A thread in which a lease is given up and taken on, all the time; it has begun when this resolves. */
async function passLeaseOn(lease: string): Promise<{ readonly stop: () => Promise<void> }> {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const code = `
    const { mkdirSync, rmdirSync } = require("node:fs");
    const { parentPort, workerData: { lease, flag } } = require("node:worker_threads");
    mkdirSync(lease);
    rmdirSync(lease);
    parentPort.postMessage("begun");
    while (Atomics.load(flag, 0) === 0) { mkdirSync(lease); rmdirSync(lease); }
  `;
  const worker = new Worker(code, { eval: true, workerData: { lease, flag } });
  const over = new Promise<void>((resolve, reject) => worker.once("exit", () => resolve()).once("error", reject));
  const stop = (): Promise<void> => {
    Atomics.store(flag, 0, 1);
    return over;
  };
  onTestFinished(async () => {
    Atomics.store(flag, 0, 1);
    await worker.terminate();
  });
  await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  return { stop };
}
