import { appendFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { homeAt } from "../../../src/home/locate.ts";
import { OutputLimit } from "../../../src/keeper/output-limit.ts";
import type { PublishedSession } from "../../../src/keeper/published-session.ts";
import type { SessionLog } from "../../../src/keeper/session-log.ts";
import { systemClock } from "../../../src/process/clock.ts";
import type { Context } from "../../../src/session/context.ts";
import { readOutputCut } from "../../../src/session/output-cut.ts";
import { sessionFiles, type SessionFiles } from "../../../src/session/session-files.ts";
import { hasKernelPulse } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";
import { session as sample } from "../present/samples.ts";

const limitBytes = 100_000;
const text = "a line of 20 letters\n";

let nowMs = 0;
let files: SessionFiles;
let events: string[];
let limit: OutputLimit;

beforeEach(() => {
  nowMs = 0;
  vi.spyOn(systemClock, "now").mockImplementation(() => nowMs);
  const root = temporaryDirectory();
  const home = homeAt(root, join(root, ".holdfast"));
  files = sessionFiles(home, sample.uid);
  mkdirSync(dirname(files.output), { recursive: true });
  writeFileSync(files.output, "");
  events = [];
  const say = ({ event }: { event: string }): void => void events.push(event);
  const log = { append: say, complain: (...words: string[]) => events.push(...words) } as unknown as SessionLog;
  const session = { ...sample, max_output_bytes: limitBytes };
  const made = OutputLimit.of({ home } as Context, { session } as PublishedSession, log);
  if (made === null) throw new Error("It has a limit");
  limit = made;
});
afterEach(() => vi.restoreAllMocks());

/** So many bytes come within this time. */
function write(bytes: number, withinMs: number): void {
  appendFileSync(files.output, text.repeat(Math.ceil(bytes / text.length)));
  nowMs += withinMs;
}

const firstByte = (): number => readOutputCut(files.outputCut);

describe.runIf(hasKernelPulse)("the limit of an output", () => {
  it("lets a burst pass for two looks, in which cutting would hold the agent up; then it is cut, however fast it comes", async () => {
    for (let looks = 0; looks < 2; looks += 1) {
      write(400_000, 1);
      await limit.look();
      expect(firstByte()).toBe(0);
    }
    write(400_000, 1);
    await limit.look();
    expect(firstByte()).toBeGreaterThan(statSync(files.output).size - limitBytes);
    // Slackening is not being over.
    write(60_000, 1);
    await limit.look();
    const before = firstByte();
    write(400_000, 1);
    await limit.look();
    expect(firstByte()).toBeGreaterThan(before);
    await limit.end();
    expect(events).toEqual(["output_cut"]);
  });

  it("is patient again after a burst that is over", async () => {
    write(400_000, 1);
    await limit.look();
    write(10, 1_000);
    await limit.look();
    const before = firstByte();
    expect(before).toBeGreaterThan(0);
    write(400_000, 1);
    await limit.look();
    expect(firstByte()).toBe(before);
    await limit.end();
    expect(firstByte()).toBeGreaterThan(before);
  });

  it("is looked after by itself, where the next look would come late", async () => {
    write(60_000, 1);
    await limit.look();
    expect(firstByte()).toBe(0);
    write(60_000, 1_000);
    await until(() => events.length > 0);
    expect(firstByte()).toBeGreaterThan(0);
    await limit.end();
    expect(events).toEqual(["output_cut"]);
  });
});
