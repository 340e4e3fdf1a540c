import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { claimNumbers, inodeOf, inodeOfClaim } from "../../support/lock-files.ts";
import { useContenders, type Contender } from "../../support/lock-contenders.ts";
import { lockPlace, type LockPlace } from "../../support/lock-place.ts";
import { pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const start = useContenders();
const claimsKept = 16;

function startAll(place: LockPlace, count: number): Promise<Contender[]> {
  return Promise.all(Array.from({ length: count }, () => start(place)));
}

async function startTwo(place: LockPlace): Promise<[Contender, Contender]> {
  return [await start(place), await start(place)];
}

describe.each(pulsesHere)("the lock with a %s pulse", (pulse) => {
  const newPlace = (): LockPlace => lockPlace(temporaryDirectory(), pulse);

  it("is granted to one of those who ask at once, and the others learn who has it (R3.1)", async () => {
    const contenders = await startAll(newPlace(), 6);
    const answers = await Promise.all(contenders.map((contender) => contender.tryAcquire({ info: contender.pid })));
    const [winner, ...more] = contenders.filter((_, index) => answers[index]?.held);
    expect(more).toEqual([]);
    const holder = {
      number: 1,
      pid: winner?.pid,
      info: winner?.pid,
      purpose: "session",
      heartbeat: "beating",
      owner: "alive",
    };
    const views = answers.flatMap(({ view }) => view ?? []);
    expect(views).toHaveLength(5);
    for (const view of views) expect(view).toMatchObject({ holder, last: holder, waiters: [] });
  });

  it("is granted to one of those who meet a dead holder's claim at once (R2.3)", async () => {
    const place = newPlace();
    const contenders = await startAll(place, 6);
    for (let expected = 2; expected <= 6; expected += 2) {
      const dead = await start(place);
      await dead.acquire();
      await dead.signal("SIGKILL");
      const answers = await Promise.all(contenders.map((contender) => contender.tryAcquire()));
      const winners = contenders.filter((_, index) => answers[index]?.held);
      expect(winners).toHaveLength(1);
      await winners[0]?.ask("release");
      expect(answers.find(({ held }) => held)?.held?.token).toBeGreaterThanOrEqual(expected);
    }
  });

  it("has the pulse that it says, and shows what its holder publishes", async () => {
    const [holder, other] = await startTwo(newPlace());
    expect((await holder.tryAcquire({ info: "taken" })).held).toEqual({ token: 1, pulse });
    await holder.ask("update", { info: { phase: "running", text: "🔒\n\u0000" } });
    const view = await other.ask("look");
    expect(view.holder?.info).toEqual({ phase: "running", text: "🔒\n\u0000" });
  });

  it("is free as soon as its holder has released it (R3.4)", async () => {
    const [first, second] = await startTwo(newPlace());
    await first.acquire();
    await first.ask("release", { info: "the end" });
    const view = await second.ask("look");
    expect(view).toMatchObject({ holder: null, last: { number: 1, state: "released", info: "the end", free: true } });
    expect(await second.acquire()).toBe(2);
  });

  it("is free as soon as its holder was killed, without waiting for anything to go stale (R2.3)", async () => {
    const [first, second] = await startTwo(newPlace());
    await first.acquire();
    await first.signal("SIGKILL");
    const view = await second.ask("look");
    expect(view).toMatchObject({ holder: null, last: { number: 1, state: "held", heartbeat: "dead", owner: "dead" } });
    expect(await second.acquire()).toBe(2);
  });

  it("stays with a holder that is stopped, however long", async () => {
    const [first, second] = await startTwo(newPlace());
    await first.acquire();
    await first.signal("SIGSTOP");
    expect((await second.tryAcquire()).view?.holder).toMatchObject({ number: 1, pid: first.pid });
    await first.signal("SIGCONT");
    expect(await first.ask("verify")).toBe("held");
  });

  it("gives tokens that rise over releases, crashes and sweeps, and keeps the newest claims", async () => {
    const place = newPlace();
    const contender = await start(place);
    const tokens: number[] = [];
    const turn = async (taker: Contender): Promise<void> => {
      tokens.push(await taker.acquire());
      const newest = Array.from({ length: Math.min(tokens.length, claimsKept) }, (_, index) => tokens.length - index);
      // Whoever has just taken the lock has better things to do than to tidy up.
      await until(() => claimNumbers(place).length <= claimsKept, { what: "the oldest claim is removed" });
      expect(claimNumbers(place)).toEqual(newest.toReversed());
    };
    for (let round = 0; round < claimsKept + 2; round += 1) {
      await turn(contender);
      await contender.ask("release");
    }
    const crashing = await start(place);
    await turn(crashing);
    await crashing.signal("SIGKILL");
    await turn(contender);
    expect(await contender.ask("verify")).toBe("held");
    expect(tokens).toEqual(tokens.map((_, index) => index + 1));
  });

  it("shows in session.lock, a hard link to the claim, as long as a session is held (R0.2)", async () => {
    const place = newPlace();
    const [first, second] = await startTwo(place);
    await first.acquire();
    expect(inodeOf(place.link)).toBe(inodeOfClaim(place, 1));
    await first.signal("SIGKILL");
    await second.acquire();
    expect(inodeOf(place.link)).toBe(inodeOfClaim(place, 2));
    await second.ask("release");
    expect(inodeOf(place.link)).toBeUndefined();
  });

  it("has no session.lock under maintenance, nor one left from a dead session (R0.2)", async () => {
    const place = newPlace();
    const [first, second] = await startTwo(place);
    await second.acquire({ purpose: "maintenance" });
    expect(inodeOf(place.link)).toBeUndefined();
    await second.ask("release");
    await first.acquire();
    await first.signal("SIGKILL");
    await second.acquire({ purpose: "maintenance" });
    expect(inodeOf(place.link)).toBeUndefined();
  });

  it("keeps its session.lock when a former holder releases late", async () => {
    const place = newPlace();
    const [former, holder] = await startTwo(place);
    await former.acquire();
    rmSync(place.state, { recursive: true });
    // Makes the directories again, as every start does.
    const next = await start(place);
    await next.acquire();
    expect(await former.ask("verify")).toBe("lost");
    await former.ask("release");
    expect(inodeOf(place.link)).toBe(inodeOfClaim(place, 1));
    expect((await holder.ask("look")).holder).toMatchObject({ number: 1, pid: next.pid });
  });

  it("leaves no file behind but claims, whatever became of those who asked", async () => {
    const place = newPlace();
    const contenders = await startAll(place, 4);
    const answers = await Promise.all(contenders.map((contender) => contender.tryAcquire()));
    const winner = contenders.find((_, index) => answers[index]?.held);
    await winner?.ask("release");
    expect(claimNumbers(place, { only: true })).toEqual([1]);
  });
});
