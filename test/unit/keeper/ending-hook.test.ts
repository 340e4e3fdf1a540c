import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { homeAt } from "../../../src/home/locate.ts";
import { Journal } from "../../../src/journal/journal.ts";
import { SessionKeeper } from "../../../src/keeper/session-keeper.ts";
import type { HeldLock } from "../../../src/lock/lock.ts";
import type { Context } from "../../../src/session/context.ts";
import { Hooks } from "../../../src/session/hooks.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { session } from "../present/samples.ts";

it("begins the hook of `ended` when the lock has been given back, however long that takes (R4.6)", async () => {
  const root = temporaryDirectory();
  const home = homeAt(root, join(root, ".holdfast"));
  mkdirSync(home.sessions, { recursive: true });
  const steps: string[] = [];
  const hooks = new Hooks({
    commands: { ended: "a" },
    root,
    state: home.state,
    env: {},
    by: session.by,
    append: () => undefined,
    hasConsent: () => true,
    run: ({ env }) => {
      steps.push(`hook of ${env["HOLDFAST_HOOK"]}`);
      return Promise.resolve(null);
    },
  });
  const journal = new Journal(home.log, undefined, (event, line) => {
    steps.push(event.event);
    hooks.fire(event, line);
  });
  const release = async (): Promise<void> => {
    for (let turns = 0; turns < 5; turns += 1) await nextTurn();
    steps.push("released");
  };
  // Only what is asked of them here.
  const held = { token: 1, lost: new AbortController().signal, release } as unknown as HeldLock;
  const context = { home, journal, hooks, by: session.by, lock: { name: "session" } } as unknown as Context;
  await new SessionKeeper(context, held, { session }, session).abandon(null);
  await hooks.settled();
  expect(steps).toEqual(["start_failed", "ended", "released", "hook of ended"]);
});
