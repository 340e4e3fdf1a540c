import { describe, expect, it } from "vitest";
import { useContenders, type Contender } from "../../support/lock-contenders.ts";
import { inodeOf, inodeOfClaim } from "../../support/lock-files.ts";
import { lockPlace, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse, pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const start = useContenders();

interface Scene {
  readonly place: LockPlace;
  readonly holder: Contender;
  /** Waits in line from the beginning. */
  readonly granted: Promise<number>;
  /** Asks without waiting, whenever it likes. */
  readonly third: Contender;
}

async function setScene(place: LockPlace): Promise<Scene> {
  const [holder, waiter, third] = await Promise.all([start(place), start(place), start(place)]);
  await holder.acquire({ info: "first" });
  const { granted } = await waiter.getInLine();
  return { place, holder, granted, third };
}

/** Nobody in line has the lock, nobody new gets it past the queue, and it is this process's. */
async function expectHeldBy({ third, granted }: Scene, pid: number): Promise<void> {
  const { held, view } = await third.tryAcquire({ purpose: "maintenance", passQueue: true });
  expect(held).toBeNull();
  expect(view?.holder).toMatchObject({ number: 1, pid, heartbeat: "beating" });
  expect(await Promise.race([granted, Promise.resolve("not yet")])).toBe("not yet");
}

describe.skipIf(!hasKernelPulse)("the descriptor of a kernel pulse", () => {
  const newPlace = (): LockPlace => lockPlace(temporaryDirectory(), "kernel");

  it("keeps the lock held by a child that inherited it, when its holder was killed", async () => {
    const scene = await setScene(newPlace());
    const { holder, third, granted } = scene;
    await holder.ask("spawnBystander");
    await holder.child.ready;
    await holder.signal("SIGKILL");
    await expectHeldBy(scene, holder.pid);
    expect((await third.ask("look")).holder).toMatchObject({ owner: "dead", free: false, info: "first" });
    await holder.child.killByPid();
    expect(await granted).toBe(2);
  });

  it("is given back for everyone by a release, whoever still has it", async () => {
    const { holder, granted } = await setScene(newPlace());
    await holder.ask("spawnBystander");
    await holder.child.ready;
    await holder.ask("release");
    expect(await granted).toBe(2);
  });
});

describe.each(pulsesHere)("a lock with a %s pulse that is handed over", (pulse) => {
  const newPlace = (): LockPlace => lockPlace(temporaryDirectory(), pulse);

  async function setSceneWithHeir(): Promise<Scene & { heir: Contender["child"] }> {
    const scene = await setScene(newPlace());
    await scene.holder.ask("spawnHeir");
    await scene.holder.child.ready;
    return { ...scene, heir: scene.holder.child };
  }

  it("is never free between the two, at no step, nor when the first one ends", async () => {
    const scene = await setSceneWithHeir();
    const { place, holder, heir, granted } = scene;
    await expectHeldBy(scene, holder.pid);
    const message = await holder.ask("handTo", { pid: heir.pid });
    await expectHeldBy(scene, heir.pid);
    await holder.ask("release");
    await holder.signal("SIGKILL");
    await expectHeldBy(scene, heir.pid);
    expect(await heir.ask("adopt", message)).toEqual({ token: 1 });
    await expectHeldBy(scene, heir.pid);
    expect(await heir.ask("verify")).toBe("held");
    expect(inodeOf(place.link)).toBe(inodeOfClaim(place, 1));
    await heir.ask("update", { info: "second" });
    expect((await scene.third.ask("look")).holder).toMatchObject({ info: "second", owner: "alive" });
    await heir.ask("release");
    expect(await granted).toBe(2);
  });

  it("is not free to one who read the claim before, and judges its pulse after, at whichever step", async () => {
    const place = newPlace();
    const third = await start(place);
    const pausedBefore: string[] = [];
    for (let step = 1; ; step += 1) {
      const holder = await start(place);
      const token = await holder.acquire();
      await holder.ask("spawnHeir");
      const heir = holder.child;
      await heir.ready;
      const asked = third.tryAcquire({ pauseBefore: step });
      const paused = await Promise.race([third.nextUnasked(), asked]);
      if (!("step" in paused)) break;
      pausedBefore.push(paused.step);
      const message = await holder.ask("handTo", { pid: heir.pid });
      await holder.signal("SIGKILL");
      await heir.ask("adopt", message);
      third.goOn();
      expect(await asked).toMatchObject({ held: null, view: { holder: { number: token, heartbeat: "beating" } } });
      await heir.ask("release");
    }
    expect(pausedBefore).toEqual(expect.arrayContaining(["readdirSync", "openSync", "readSync"]));
    expect(pausedBefore.length).toBeGreaterThan(5);
  });

  it("is free as soon as the heir was killed, whether it had begun or not", async () => {
    const before = await setSceneWithHeir();
    await before.holder.ask("handTo", { pid: before.heir.pid });
    await before.heir.killByPid();
    expect(await before.granted).toBe(2);
    const after = await setSceneWithHeir();
    await after.heir.ask("adopt", await after.holder.ask("handTo", { pid: after.heir.pid }));
    await after.heir.killByPid();
    expect(await after.granted).toBe(2);
  });

  it("does not wait for the one who handed it on, and is not released by it", async () => {
    const scene = await setSceneWithHeir();
    const { holder, heir, granted } = scene;
    await heir.ask("adopt", await holder.ask("handTo", { pid: heir.pid }));
    await holder.ask("release");
    await expectHeldBy(scene, heir.pid);
    await heir.ask("release");
    expect(await granted).toBe(2);
  });

  it("cannot be adopted when its claim is gone", async () => {
    const { holder, heir } = await setSceneWithHeir();
    const message = await holder.ask("handTo", { pid: heir.pid });
    await expect(heir.ask("adopt", { ...message, token: 7 })).rejects.toMatchObject({ code: "LOCK_LOST" });
  });
});

describe("a lock with a lease pulse that is handed over", () => {
  // Such a waiter is woken by every line that the holder writes, so it may be anywhere when the lock changes hands.
  // More than ten rounds, each with new processes: that takes a while.
  it("is not granted to a waiter that was woken before, and judges after, at whichever step", async () => {
    const place = lockPlace(temporaryDirectory(), "lease");
    const waiter = await start(place);
    let step = 1;
    for (; ; step += 1) {
      const holder = await start(place);
      await holder.acquire();
      await holder.ask("spawnHeir");
      const heir = holder.child;
      await heir.ready;
      const { granted } = await waiter.getInLine();
      // It has read a claim by then, and judges it next.
      await waiter.ask("pauseBefore", { step, kind: "closeSync" });
      await holder.ask("update", { info: "wakes whoever waits" });
      const paused = await waiter.nextUnasked();
      if (!("step" in paused)) break;
      const message = await holder.ask("handTo", { pid: heir.pid });
      await holder.signal("SIGKILL");
      await heir.ask("adopt", message);
      waiter.goOn();
      expect(await Promise.race([granted, waiter.nextUnasked()])).toMatchObject({ event: "waiting" });
      await heir.ask("release");
      await granted;
      await waiter.ask("release");
    }
    expect(step).toBeGreaterThan(10);
  }, 60_000);
});
