import fs, { mkdirSync } from "node:fs";
import { join } from "node:path";
import { lock } from "proper-lockfile";
import { describe, expect, it } from "vitest";
import { useContenders, type Contender } from "../../support/lock-contenders.ts";
import { forgeClaim, setAge } from "../../support/lock-forgery.ts";
import { lockPlace, type LockPlace } from "../../support/lock-place.ts";
import { pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const start = useContenders();

/**
 * Two contenders meet one lock whose holder is dead, and one of them is slow at just the wrong moment. proper-lockfile
 * takes over by removing the stale lock, and what is removed may be the lock that another has taken meanwhile.
 */
describe("proper-lockfile's own takeover", () => {
  it("grants twice when the rmdir of one contender is delayed, which is why holdfast does not use it", async () => {
    const directory = temporaryDirectory();
    const lockfilePath = join(directory, "lock");
    mkdirSync(lockfilePath);
    setAge(lockfilePath, 60_000);
    const slow = delayedRmdir();
    const options = { lockfilePath, realpath: false, stale: 2_000, onCompromised: () => undefined };
    const granted: string[] = [];
    const first = lock(join(directory, "first"), { ...options, fs: slow.fs }).then(() => granted.push("first"));
    await slow.reached;
    const releaseSecond = await lock(join(directory, "second"), options);
    granted.push("second");
    slow.goOn();
    await first;
    // Neither has released it.
    expect(granted).toEqual(["second", "first"]);
    await releaseSecond();
  });
});

function delayedRmdir(): { readonly fs: typeof fs; readonly reached: Promise<void>; readonly goOn: () => void } {
  let reach = (): void => undefined;
  let goOn = (): void => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
  const rmdir = (path: fs.PathLike, callback: fs.NoParamCallback): void => {
    reach();
    void mayGoOn.then(() => fs.rmdir(path, callback));
  };
  return { fs: { ...fs, rmdir } as unknown as typeof fs, reached, goOn: () => goOn() };
}

/** One contender stops before one step of its takeover, the other goes through, and then the first goes on. */
interface Round {
  readonly pausedBefore: string;
  readonly granted: readonly string[];
}

async function raceAt(
  step: number,
  place: LockPlace,
  [slow, quick]: readonly [Contender, Contender],
  tenures: number,
): Promise<Round | null> {
  const { last } = await quick.ask("look");
  forgeClaim(place, { token: (last?.number ?? 0) + 1 });
  const slowly = slow.tryAcquire({ pauseBefore: step });
  const paused = await Promise.race([slow.nextUnasked(), slowly]);
  if (!("step" in paused)) {
    await slow.ask("release");
    return null;
  }
  const granted: string[] = [];
  if ((await quick.tryAcquire()).held !== null) {
    for (let tenure = 1; tenure < tenures; tenure += 1) {
      await quick.ask("release");
      await quick.acquire();
    }
    granted.push("quick");
  }
  slow.goOn();
  if ((await slowly).held !== null) granted.push("slow");
  const holder = granted[0] === "quick" ? quick : slow;
  expect(await holder.ask("verify")).toBe("held");
  await holder.ask("release");
  return { pausedBefore: paused.step, granted };
}

describe.each(pulsesHere)("the takeover by a claim with a %s pulse", (pulse) => {
  it.each([
    { tenures: 1, meanwhile: "another takes the lock" },
    { tenures: 20, meanwhile: "another takes it again and again, and sweeps" },
  ])("grants once, at whichever step one contender is delayed while $meanwhile", async ({ tenures }) => {
    const place = lockPlace(temporaryDirectory(), pulse);
    const contenders = [await start(place), await start(place)] as const;
    const rounds: Round[] = [];
    for (let step = 1; ; step += 1) {
      const round = await raceAt(step, place, contenders, tenures);
      if (round === null) break;
      rounds.push(round);
    }
    expect(rounds.filter(({ granted }) => granted.length !== 1)).toEqual([]);
    // Both ends of the race window were met, and the steps that matter were among those that were delayed.
    expect(new Set(rounds.flatMap(({ granted }) => granted))).toEqual(new Set(["quick", "slow"]));
    expect(rounds.map(({ pausedBefore }) => pausedBefore)).toEqual(
      expect.arrayContaining(["openSync", "linkSync", "readdirSync", "statSync", "unlinkSync"]),
    );
  });
});
