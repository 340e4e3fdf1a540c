import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it, onTestFinished, vi } from "vitest";
import { defaultConfig } from "../../../src/home/config.ts";
import { homeAt } from "../../../src/home/locate.ts";
import type { LockView } from "../../../src/lock/lock.ts";
import { currentActor } from "../../../src/session/actor.ts";
import { openContext } from "../../../src/session/context.ts";
import { PlaceInLine, type WaitNotice } from "../../../src/session/place-in-line.ts";
import type { Hold } from "../../../src/session/session-info.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { session } from "../present/samples.ts";

// On a terminal it drew once more who holds the lock, when what drew it had been taken back.
it("a look that was under way when the turn came tells nothing", async () => {
  const root = temporaryDirectory();
  const context = await openContext({
    home: homeAt(root, join(root, ".holdfast")),
    config: defaultConfig,
    env: {},
    lockName: "session",
    by: currentActor(),
    create: true,
  });
  const info: Hold = { session };
  const { held } = await context.lock.acquire({ purpose: "session", info });
  onTestFinished(async () => held?.release(info));
  const view = await context.lock.look();

  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const looks: ((seen: LockView) => void)[] = [];
  vi.spyOn(context.lock, "look").mockImplementation(() => new Promise((resolve) => looks.push(resolve)));
  const told: WaitNotice[] = [];
  const place = new PlaceInLine(context, session, { onWaiting: (notice) => told.push(notice) });
  let takeTurn = (): void => undefined;
  const turn = place.during(new Promise<void>((resolve) => (takeTurn = resolve)));
  place.options().onWaiting?.({ ticket: 1, position: 1, holders: [] });
  vi.advanceTimersByTime(1_000);
  // At the line, and then at the only slot.
  while (looks.length === 0) await nextTurn();
  takeTurn();
  await turn;
  looks[0]?.(view);
  await nextTurn();
  expect(looks).toHaveLength(1);
  expect(told).toHaveLength(1);
});
