import { closeSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { KernelPulse } from "../../../src/lock/kernel-pulse.ts";
import type { NativeLocks } from "../../../src/lock/native.ts";
import type { PulsedFile } from "../../../src/lock/pulse.ts";
import { selfIdentity } from "../../../src/process/identity.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { distantOwner } from "../../support/lock-forgery.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const local = { shared: false, name: "local" };
const nfs = { shared: true, name: "NFS" };

/** A kernel that gives no lock to anybody. */
const nothingFree: NativeLocks = {
  tryLock: () => false,
  waitForLock: () => new Promise(() => undefined),
  unlock: () => undefined,
};

function pulsed(change: Partial<PulsedFile> = {}): PulsedFile {
  return { path: join(temporaryDirectory(), "session.1"), mark: { kind: "kernel" }, owner: selfIdentity(), ...change };
}

function newFile(): { readonly path: string; readonly descriptor: number } {
  const path = join(temporaryDirectory(), "session.1");
  return { path, descriptor: openSync(path, "a") };
}

describe("a kernel pulse", () => {
  it("cannot begin without the native part", async () => {
    const { path, descriptor } = newFile();
    const refused = await rejectionOf(new KernelPulse(null, local).begin(path, descriptor));
    expect(refused).toMatchObject({ code: "UNAVAILABLE", message: `No kernel locks can be had here\n${path}` });
    closeSync(descriptor);
  });

  it("cannot begin on a file that somebody else has locked, new as it is", async () => {
    const { path, descriptor } = newFile();
    const refused = await rejectionOf(new KernelPulse(nothingFree, local).begin(path, descriptor));
    expect(refused).toMatchObject({ code: "UNAVAILABLE", facts: { path } });
    closeSync(descriptor);
  });

  it("from before a reboot is over on a local file system: nobody waits for it", async () => {
    const file = pulsed({ owner: distantOwner });
    const pulse = new KernelPulse(nothingFree, local);
    expect(await pulse.probe(file)).toBe("dead");
    await pulse.waitForEnd(file);
  });

  it("of another machine cannot be told on a shared one: who waits looks again after a second", async () => {
    const file = pulsed({ owner: distantOwner });
    const pulse = new KernelPulse(nothingFree, nfs);
    expect(await pulse.probe(file)).toBe("unknown");
    vi.useFakeTimers();
    const waiting = pulse.waitForEnd(file);
    await vi.advanceTimersByTimeAsync(1_000);
    await waiting;
    vi.useRealTimers();
  });

  it("of a file that is gone, or a link, is over", async () => {
    const pulse = new KernelPulse(nothingFree, local);
    const gone = pulsed();
    expect(await pulse.probe(gone)).toBe("dead");
    await pulse.waitForEnd(gone);
    symlinkSync("elsewhere", gone.path);
    expect(await pulse.probe(gone)).toBe("dead");
    await pulse.waitForEnd(gone);
  });
});
