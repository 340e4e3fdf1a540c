import { expect, it } from "vitest";
import { exitOfStranger } from "../../../src/keeper/watched-process.ts";
import { selfIdentity } from "../../../src/process/identity.ts";

it("knows at once that a process is gone, and not how", async () => {
  const gone = { ...selfIdentity(), started: "0" };
  expect(await exitOfStranger(gone)).toMatchObject({ code: null, signal: null, seenAtMs: Number.NEGATIVE_INFINITY });
});

it("watches on after a hint, and gives up when told to", async () => {
  const hint = new AbortController();
  const over = new AbortController();
  let isOver = false;
  const exit = exitOfStranger(selfIdentity(), { hint: hint.signal, signal: over.signal }).then(() => (isOver = true));
  hint.abort();
  await Promise.resolve();
  expect(isOver).toBe(false);
  over.abort();
  await exit;
});
