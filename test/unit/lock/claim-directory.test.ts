import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ClaimDirectory } from "../../../src/lock/claim-directory.ts";
import { formatClaim, type ClaimRecord } from "../../../src/lock/claim-record.ts";
import type { Heartbeat, Pulse, PulsedFile, PulsesByKind } from "../../../src/lock/pulse.ts";
import { identify, selfIdentity } from "../../../src/process/identity.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { claimRecord, deadOwner, forgeClaim, setAge } from "../../support/lock-forgery.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function newPlace(name = "session", state = temporaryDirectory()): LockPlace {
  const place = lockPlace(state, pulsesHere[0], { name });
  mkdirSync(place.claims, { recursive: true });
  return place;
}

/** A pulse that says what it is told to, asked by asked. */
function pulsesSaying(say: (file: PulsedFile, asked: number) => Heartbeat): PulsesByKind {
  let asked = 0;
  const never = (): Promise<never> => Promise.reject(new Error("Nobody was to begin or wait for this pulse"));
  const probe = async (file: PulsedFile): Promise<Heartbeat> => say(file, (asked += 1));
  const pulse: Pulse = { kind: "kernel", begin: never, waitForEnd: never, probe };
  return { kernel: pulse, lease: pulse };
}

describe("the claims of a lock", () => {
  it("are its own alone, whatever other locks are called", async () => {
    const state = temporaryDirectory();
    const names = ["a", "a.1", "a.1.2", "a-b", "A", "1"];
    const locks = names.map((name) => openLock(newPlace(name, state)));
    for (const [index, lock] of locks.entries()) {
      for (let tenure = 0; tenure <= index; tenure += 1) {
        const { held } = await lock.acquire({ purpose: "session", info: lock.name });
        expect(held?.token).toBe(tenure + 1);
        if (tenure < index) await held?.release(null);
      }
    }
    for (const [index, lock] of locks.entries()) {
      const { holder } = await lock.look();
      expect(holder).toMatchObject({ number: index + 1, record: { lock: lock.name, info: lock.name } });
    }
    expect(
      readdirSync(state)
        .filter((name) => name.endsWith(".lock"))
        .toSorted(),
    ).toEqual(names.map((name) => `${name}.lock`).toSorted());
  });

  it("are the files with a number that can be counted on from, and nothing else", () => {
    const place = newPlace();
    const directory = new ClaimDirectory(
      place.claims,
      "session",
      pulsesSaying(() => "dead"),
    );
    expect(
      new ClaimDirectory(
        join(place.claims, "none"),
        "session",
        pulsesSaying(() => "dead"),
      ).numbers(),
    ).toEqual([]);
    const others = [
      "session",
      "session.",
      "session.0",
      "session.01",
      "session.-1",
      "session.1e3",
      "session.1.2",
      "session.x",
    ];
    const strange = [
      "session.9007199254740992",
      "session.99999999999999999",
      "session.1~",
      ".session.1",
      "xsession.1",
      "sessionx.1",
    ];
    for (const name of [...others, ...strange, "session.7", "session.9007199254740990"])
      writeFileSync(join(place.claims, name), "");
    expect(directory.numbers().toSorted((a, b) => a - b)).toEqual([7, 9_007_199_254_740_990]);
  });
});

describe("judging a claim", () => {
  const parent = identify(process.ppid) ?? selfIdentity();

  it("judges the one it was handed to, when that happens between reading it and taking its pulse", async () => {
    const place = newPlace();
    const path = forgeClaim(place, { owner: deadOwner });
    const pulses = pulsesSaying(({ owner }, asked) => {
      if (asked === 1) appendLine(path, { ...claimRecord(place), owner: parent });
      return owner.started === deadOwner.started ? "dead" : "beating";
    });
    const judged = await new ClaimDirectory(place.claims, "session", pulses).judge(1);
    expect(judged).toMatchObject({ heartbeat: "beating", free: false, owner: "alive", record: { owner: parent } });
  });

  it("says that it was released, not that it is dead, when that happens in between", async () => {
    const place = newPlace();
    const path = forgeClaim(place);
    const pulses = pulsesSaying(() => {
      appendLine(path, { ...claimRecord(place), state: "released", info: "in good order" });
      return "dead";
    });
    const judged = await new ClaimDirectory(place.claims, "session", pulses).judge(1);
    expect(judged).toMatchObject({ free: true, record: { state: "released", info: "in good order" } });
  });

  it("says that there is none when it is swept in between", async () => {
    const place = newPlace();
    forgeClaim(place);
    const directory: ClaimDirectory = new ClaimDirectory(
      place.claims,
      "session",
      pulsesSaying(() => {
        directory.remove(1);
        return "dead";
      }),
    );
    expect(await directory.judge(1)).toBeNull();
  });

  it("fails on a damaged claim, and tells whether the kernel knows somebody who holds it", async () => {
    const place = newPlace();
    writeFileSync(join(place.claims, "session.1"), "damaged\n");
    for (const [heartbeat, held] of [
      ["dead", false],
      ["beating", true],
    ] as const) {
      const directory = new ClaimDirectory(
        place.claims,
        "session",
        pulsesSaying(() => heartbeat),
      );
      expect((await rejectionOf(directory.judge(1))).code).toBe("DATA");
      expect(await directory.isHeldThoughUnreadable(1)).toBe(held);
    }
  });
});

describe("sweeping", () => {
  it("removes a claim with its lease, and leaves those of others", () => {
    const place = { ...newPlace(), pulse: "lease" as const };
    const directory = new ClaimDirectory(
      place.claims,
      "session",
      pulsesSaying(() => "dead"),
    );
    for (const [index, lease] of [".lease-1", ".lease-2"].entries()) {
      forgeClaim(place, { token: index + 1, pulse: { kind: "lease", lease, stale_ms: 2_000 } });
      mkdirSync(join(place.claims, lease));
    }
    directory.remove(1);
    directory.remove(1);
    expect(readdirSync(place.claims).toSorted()).toEqual([".lease-2", "session.2"]);
  });

  it("removes unpublished files only when nobody can be at work on them any more", async () => {
    const place = newPlace();
    const [old, fresh, beating] = ["old", "fresh", "beating"].map((name) =>
      join(place.claims, `.new-session-1-${name}`),
    );
    for (const path of [old, fresh, beating]) writeFileSync(path ?? "", "");
    for (const path of [old, beating]) setAge(path ?? "", 120_000);
    const pulses = pulsesSaying(({ path }) => (path === beating ? "beating" : "dead"));
    await new ClaimDirectory(place.claims, "session", pulses).removeAbandoned();
    expect([old, fresh, beating].map((path) => existsSync(path ?? ""))).toEqual([false, true, true]);
  });
});

function appendLine(path: string, record: ClaimRecord): void {
  writeFileSync(path, formatClaim(record), { flag: "a" });
}
