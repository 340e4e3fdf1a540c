import { mkdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { LeasePulse } from "../../../src/lock/lease-pulse.ts";
import type { PulsedFile } from "../../../src/lock/pulse.ts";
import type { ProcessIdentity } from "../../../src/process/identity.ts";
import { claimRecord, distantOwner, forgeClaim } from "../../support/lock-forgery.ts";
import { lockPlace, type LockPlace } from "../../support/lock-place.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const staleMs = 15_000;
const beatMs = 3_000;

/** A machine on which nothing passes but what is told to. */
class Machine {
  /** What its owner's heart does while time passes. */
  onTime: () => void = () => undefined;
  #ranMs = 0;
  #wallMs = Date.parse("2025-06-29T10:34:03Z");

  /** Time in which processes run. */
  run(ms: number): void {
    for (let left = ms; left > 0; left -= 100) {
      this.#ranMs += Math.min(left, 100);
      this.#wallMs += Math.min(left, 100);
      this.onTime();
    }
  }

  /** The clock is set, or the machine sleeps: nothing runs. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  /** Every process here stands still, and the clocks do not: a frozen container. */
  freeze(ms: number): void {
    this.#ranMs += ms;
    this.#wallMs += ms;
  }

  readonly wallMs = (): number => this.#wallMs;
  readonly ranMs = (): number => this.#ranMs;
  readonly clock = { now: this.ranMs, sleep: async (ms: number): Promise<void> => this.run(ms) };
}

describe("a lease, whatever the clocks do", () => {
  let place: LockPlace;
  let machine: Machine;
  let lease: string;

  beforeEach(() => {
    place = lockPlace(temporaryDirectory(), "lease", { staleMs });
    mkdirSync(place.claims);
    lease = join(place.claims, ".lease-forged");
    mkdirSync(lease);
    machine = new Machine();
  });

  /** @param aheadMs how much the owner's clock is ahead of that of who looks */
  function beat(aheadMs = 0): void {
    const at = new Date(machine.wallMs() + aheadMs);
    utimesSync(lease, at, at);
  }

  /** From now on the owner beats. */
  function live(aheadMs = 0): void {
    beat(aheadMs);
    let next = machine.ranMs() + beatMs;
    machine.onTime = () => {
      if (machine.ranMs() < next) return;
      beat(aheadMs);
      next = machine.ranMs() + beatMs;
    };
  }

  function open(): { readonly pulse: LeasePulse; readonly file: PulsedFile } {
    const owner: ProcessIdentity = distantOwner;
    const file = { path: forgeClaim(place, { owner }), mark: claimRecord(place).pulse, owner };
    return { pulse: new LeasePulse(staleMs, { wallMs: machine.wallMs, clock: machine.clock }), file };
  }

  it.each([
    ["the clock of who looks is set forward", () => machine.jump(3_600_000)],
    ["the machine slept", () => machine.jump(8 * 3_600_000)],
    ["everything here was frozen", () => machine.freeze(3_600_000)],
  ])("is alive when it was before, and then %s", async (_, happen) => {
    const { pulse, file } = open();
    live();
    machine.run(1_000);
    expect(await pulse.probe(file)).toBe("beating");
    machine.run(1_000);
    happen();
    expect(await pulse.probe(file)).toBe("beating");
    machine.run(60_000);
    expect(await pulse.probe(file)).toBe("beating");
  });

  it.each([-3_600_000, -20_000, 20_000, 3_600_000])(
    "is alive when its owner's clock differs by %i ms",
    async (ahead) => {
      const { pulse, file } = open();
      live(ahead);
      for (let look = 0; look < 60; look += 1) {
        expect(await pulse.probe(file)).toBe("beating");
        machine.run(1_000);
      }
    },
  );

  it("is dead when it does not beat on, which takes a beat and a half to see", async () => {
    const { pulse, file } = open();
    beat(-60_000);
    const before = machine.ranMs();
    expect(await pulse.probe(file)).toBe("dead");
    expect(machine.ranMs() - before).toBeGreaterThan(beatMs);
    expect(machine.ranMs() - before).toBeLessThan(2 * beatMs);
    const seen = machine.ranMs();
    expect(await pulse.probe(file)).toBe("dead");
    expect(machine.ranMs()).toBe(seen);
  });

  it("is dead without another look for one who has watched it all along", async () => {
    const { pulse, file } = open();
    beat();
    for (let look = 0; look < staleMs / 1_000; look += 1) {
      expect(await pulse.probe(file)).toBe("beating");
      machine.run(1_000);
    }
    const before = machine.ranMs();
    expect(await pulse.probe(file)).toBe("dead");
    expect(machine.ranMs()).toBe(before);
  });

  it("is dead within seconds for one who looks now and then, and has seen it beat before", async () => {
    const { pulse, file } = open();
    live();
    for (let look = 0; look < 3; look += 1) {
      expect(await pulse.probe(file)).toBe("beating");
      machine.run(60_000);
    }
    machine.onTime = () => undefined;
    machine.run(60_000);
    const before = machine.ranMs();
    expect(await pulse.probe(file)).toBe("dead");
    expect(machine.ranMs() - before).toBeLessThan(2 * beatMs);
  });

  it.each([
    ["dated into the future", () => beat(365 * 86_400_000)],
    [
      "of an owner that died just before the clock was set back",
      () => {
        beat();
        machine.jump(-86_400_000);
      },
    ],
  ])("%s, and dead, is found so by one who watches, and by nobody who only looks", async (_, happen) => {
    const { pulse, file } = open();
    happen();
    expect(await pulse.probe(file)).toBe("beating");
    expect(await open().pulse.probe(file)).toBe("beating");
    for (let look = 0; look < staleMs / 1_000; look += 1) {
      machine.run(1_000);
      await pulse.probe(file);
    }
    expect(await pulse.probe(file)).toBe("dead");
  });
});
