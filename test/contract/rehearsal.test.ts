import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { defaultConfig } from "../../src/home/config.ts";
import { homeAt } from "../../src/home/locate.ts";
import { rehearse } from "../../src/keeper/rehearsal.ts";
import { systemClock } from "../../src/process/clock.ts";
import { currentActor } from "../../src/session/actor.ts";
import { openContext } from "../../src/session/context.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

// The dead holder of the rehearsal had a living owner, whose last word was waited for in vain: for three seconds, with a
// look at the claims every 2 ms.
it.skipIf(!existsSync("/dev/shm"))("a rehearsal waits for nobody, and leaves nothing (R4.6)", async () => {
  const root = temporaryDirectory();
  const context = await openContext({
    home: homeAt(root, join(root, "state")),
    config: defaultConfig,
    env: {},
    lockName: "session",
    by: currentActor(),
    create: true,
  });
  const sleep = vi.spyOn(systemClock, "sleep");
  await rehearse(context);
  // A process of this machine may become another program just then, which is waited for.
  expect(sleep.mock.calls.length).toBeLessThan(100);
  expect(readdirSync("/dev/shm").filter((name) => name.includes(`-${process.pid}-`))).toEqual([]);
});
