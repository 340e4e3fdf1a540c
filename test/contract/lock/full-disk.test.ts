import { statfsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { rejectionOf } from "../../support/failure-of.ts";
import { fillDisk } from "../../support/full-disk.ts";
import { lockPlace, openLock } from "../../support/lock-place.ts";
import { mountedDirectory, whyNotMounted } from "../../support/mounted-directory.ts";
import { pulsesHere } from "../../support/pulses-here.ts";

const session = { purpose: "session", info: null } as const;

describe.each(pulsesHere)("the lock with a %s pulse, on a full disk", (pulse) => {
  it("says so, keeps what was said before, and is given back in the end", async (test) => {
    const directory = mountedDirectory("tmpfs", "size=64k,mode=0700");
    if (directory === null) return test.skip(whyNotMounted);
    const lock = openLock(lockPlace(directory, pulse));
    const { held } = await lock.acquire({ ...session, info: "before" });
    fillDisk(directory);
    expect(statfsSync(directory).bavail).toBe(0);
    expect(() => held?.update("x".repeat(100_000))).toThrow(/the disk is full \(ENOSPC\)/);
    expect((await lock.look()).holder).toMatchObject({ number: 1, record: { info: "before" } });
    expect(await held?.verify()).toBe("held");
    const queued = lock.acquire({ ...session, wait: { info: "x".repeat(100_000) } });
    expect(await rejectionOf(queued)).toMatchObject({ code: "CANNOT_CREATE" });
    // Nothing of the one who could not get in line is in anyone's way.
    expect((await lock.look()).waiters).toEqual([]);
    await held?.release("the end");
    expect(await lock.look()).toMatchObject({ holder: null, last: { number: 1, record: { state: "released" } } });
  });
});
