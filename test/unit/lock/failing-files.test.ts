import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { HeldLock, Lock } from "../../../src/lock/lock.ts";
import { failing, noFault, setFault } from "../../support/failing-files.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { claimPath } from "../../support/lock-files.ts";
import { forgeClaim } from "../../support/lock-forgery.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse, pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/* File systems whose calls fail in ways that none can be made to here. */

vi.mock("node:fs", async (original) => {
  const { withFaults } = await import("../../support/failing-files.ts");
  return withFaults(await original());
});

const session = { purpose: "session", info: null } as const;

afterEach(noFault);

async function take(lock: Lock): Promise<HeldLock> {
  const { held } = await lock.acquire(session);
  if (held === null) throw new Error("The lock is held");
  return held;
}

describe.each(pulsesHere)("the lock with a %s pulse, on a file system", (pulse) => {
  function open(): { readonly place: LockPlace; readonly lock: Lock } {
    const place = lockPlace(temporaryDirectory(), pulse);
    return { place, lock: openLock(place) };
  }

  it.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])(
    "without hard links (%s) is refused, says what to do, and leaves nothing",
    async (errno) => {
      const { place, lock } = open();
      setFault(failing("linkSync", /session\.1$/, errno));
      const refused = await rejectionOf(lock.acquire(session));
      expect(refused).toMatchObject({ code: "UNAVAILABLE", facts: { errno } });
      expect(refused.next[0]?.command).toContain("HOLDFAST_STATE_DIR=");
      expect(readdirSync(place.claims)).toEqual([]);
    },
  );

  it("that fails while a claim is published leaves nothing of it", async () => {
    const { place, lock } = open();
    setFault(failing("linkSync", /session\.1$/, "EIO"));
    const refused = await rejectionOf(lock.acquire(session));
    expect(refused).toMatchObject({ code: "IO", facts: { errno: "EIO" } });
    expect(refused.message).toContain("Cannot publish the claim: the disk or the network fails (EIO)");
    expect(readdirSync(place.claims)).toEqual([]);
    noFault();
    expect((await take(lock)).token).toBe(1);
  });

  it("whose claims are removed while one is published is refused, and names the path", async () => {
    const { place, lock } = open();
    setFault((call) => {
      if (call === "linkSync") rmSync(place.claims, { recursive: true });
    });
    const refused = await rejectionOf(lock.acquire(session));
    expect(refused).toMatchObject({ code: "IO", facts: { errno: "ENOENT" } });
    expect(refused.message).toContain(place.claims);
  });

  it("on which somebody else's link comes in between, and an old name is left, has its own link in the end", async () => {
    const { place, lock } = open();
    const leftover = `${place.link}.${process.pid}`;
    writeFileSync(leftover, "of a process that had this PID");
    setFault((call, path) => {
      if (call === "linkSync" && path === place.link && !existsSync(path)) writeFileSync(path, "another's");
    });
    const held = await take(lock);
    expect(statSync(place.link).ino).toBe(statSync(claimPath(place, 1)).ino);
    expect(existsSync(leftover)).toBe(false);
    noFault();
    await held.release(null);
    expect(existsSync(place.link)).toBe(false);
  });

  it("that cannot make the link gives the claim back, and says so", async () => {
    const { place, lock } = open();
    setFault(failing("linkSync", /session\.lock$/, "EIO"));
    const refused = await rejectionOf(lock.acquire(session));
    expect(refused.message).toBe(`Cannot link the lock: the disk or the network fails (EIO)\n${place.link}`);
    noFault();
    expect((await lock.look()).holder).toBeNull();
    expect((await take(lock)).token).toBe(2);
  });

  it.each([
    ["readdirSync", /claims$/, "list the claims"],
    ["openSync", /session\.1$/, "read a claim"],
  ] as const)("whose %s fails (%s) tells what it could not do", async (call, path, what) => {
    const { lock } = open();
    const held = await take(lock);
    setFault(failing(call, path, "EIO"));
    const refused = await rejectionOf(lock.look());
    expect(refused).toMatchObject({ code: "IO", message: expect.stringContaining(`Cannot ${what}: `) });
    noFault();
    expect((await lock.look()).holder?.number).toBe(1);
    await held.release(null);
  });

  it("whose old claims cannot be removed is no reason to refuse the lock", async () => {
    const { place, lock } = open();
    for (let token = 1; token <= 20; token += 1) forgeClaim(place, { token, state: "released" });
    setFault(failing("unlinkSync", /session\.\d+$/, "EIO"));
    const held = await take(lock);
    await held.release(null);
    expect(existsSync(claimPath(place, 1))).toBe(true);
    noFault();
    await (await take(lock)).release(null);
    expect(existsSync(claimPath(place, 1))).toBe(false);
  });

  it("whose tickets of the dead cannot be removed is no reason not to get in line", async () => {
    const { place, lock } = open();
    const queue = { ...place, claims: place.queue };
    const held = await take(lock);
    for (const token of [1, 2]) forgeClaim(queue, { token, purpose: "ticket", state: "released" });
    setFault(failing("unlinkSync", /queue\/session\.[12]$/, "EIO"));
    const next = lock.acquire({ ...session, wait: { info: null } });
    await held.release(null);
    const { held: second } = await next;
    expect(second?.token).toBe(2);
    await second?.release(null);
  });

  it("restores a claim of maintenance, too, which has no link (R2.4)", async () => {
    const { place, lock } = open();
    const { held } = await lock.acquire({ purpose: "maintenance", info: null });
    rmSync(place.claims, { recursive: true });
    mkdirSync(place.claims);
    expect(await held?.verify()).toBe("restored");
    expect(existsSync(claimPath(place, 1))).toBe(true);
    expect(existsSync(place.link)).toBe(false);
    await held?.release(null);
  });
});

describe.skipIf(!hasKernelPulse)("a claim whose kernel lock cannot be looked at", () => {
  it("is told of, with its path", async () => {
    const place = lockPlace(temporaryDirectory(), "kernel");
    const lock = openLock(place);
    const held = await take(lock);
    // First it is read, then asked.
    let opened = 0;
    setFault((call, path) => {
      if (call !== "openSync" || path !== claimPath(place, 1)) return;
      opened += 1;
      if (opened === 2) failing("openSync", /./, "EMFILE")(call, path);
    });
    const refused = await rejectionOf(lock.look());
    expect(refused).toMatchObject({ code: "IO", facts: { errno: "EMFILE", path: claimPath(place, 1) } });
    await held.release(null);
  });
});
