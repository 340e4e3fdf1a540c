import {
  chmodSync,
  chownSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { defaultConfig } from "../../src/home/config.ts";
import { homeAt } from "../../src/home/locate.ts";
import { rehearse } from "../../src/keeper/rehearsal.ts";
import { systemClock } from "../../src/process/clock.ts";
import { currentActor } from "../../src/session/actor.ts";
import { openContext, type Context } from "../../src/session/context.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

function newContext(): Promise<Context> {
  const root = temporaryDirectory();
  return openContext({
    home: homeAt(root, join(root, "state")),
    config: defaultConfig,
    env: {},
    lockName: "session",
    by: currentActor(),
    create: true,
  });
}

// The dead holder of the rehearsal had a living owner, whose last word was waited for in vain: for three seconds, with a
// look at the claims every 2 ms.
it.skipIf(!existsSync("/dev/shm"))("a rehearsal waits for nobody, and leaves nothing (R4.6)", async () => {
  const context = await newContext();
  const sleep = vi.spyOn(systemClock, "sleep");
  await rehearse(context);
  // A process of this machine may become another program just then, which is waited for.
  expect(sleep.mock.calls.length).toBeLessThan(100);
  expect(readdirSync("/dev/shm").filter((name) => name.includes(`-${process.pid}-`))).toEqual([]);
});

it("a rehearsal makes and removes nothing where others may move what is not theirs", async () => {
  const context = await newContext();
  const memory = temporaryDirectory();
  mkdirSync(join(memory, "holdfast-rehearsal-old"));
  utimesSync(join(memory, "holdfast-rehearsal-old"), 0, 0);
  chmodSync(memory, 0o777);
  await expect(rehearse(context, memory)).rejects.toThrow("Others can move files");
  expect(readdirSync(memory)).toEqual(["holdfast-rehearsal-old"]);
  chmodSync(memory, 0o1777);
  await rehearse(context, memory);
  expect(readdirSync(memory)).toEqual([]);
});

it("a rehearsal removes what another one left long ago, and not what is another's, or new", async () => {
  const memory = temporaryDirectory();
  const name = (what: string) => `holdfast-rehearsal-${what}`;
  for (const what of ["old", "others", "new"]) mkdirSync(join(memory, name(what)));
  for (const what of ["old", "others"]) utimesSync(join(memory, name(what)), 0, 0);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) chownSync(join(memory, name("others")), 54_321, 54_321);
  await rehearse(await newContext(), memory);
  expect(readdirSync(memory).toSorted()).toEqual([name("new"), ...(isRoot ? [name("others")] : [])]);
});

it.runIf(process.geteuid?.() === 0)("a rehearsal makes nothing in a directory of another user (as root)", async () => {
  const memory = temporaryDirectory();
  chownSync(memory, 54_321, 54_321);
  await expect(rehearse(await newContext(), memory)).rejects.toThrow("Others can move files");
  expect(readdirSync(memory)).toEqual([]);
});

it("a rehearsal removes no files that a link in the place of an old one leads to", async () => {
  const [memory, elsewhere] = [temporaryDirectory(), temporaryDirectory()];
  writeFileSync(join(elsewhere, "kept"), "");
  const link = join(memory, "holdfast-rehearsal-1");
  symlinkSync(elsewhere, link);
  lutimesSync(link, 0, 0);
  await rehearse(await newContext(), memory);
  expect(readdirSync(elsewhere)).toEqual(["kept"]);
});
