import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type * as protocol from "../../../src/lock/protocol.ts";
import { Ticket } from "../../../src/lock/ticket.ts";
import { explorations } from "../../support/explorations.ts";
import { doesNotWait, waits } from "../../support/model-lock.ts";
import { pulses, running } from "../../support/model-process.ts";
import type { Change } from "../../support/protocol-faults.ts";
import * as faults from "../../support/protocol-faults.ts";
import { exploreQueue, type QueueExploration, type QueueModel } from "../../support/queue-model.ts";

/*
 * The lock with its queue, as it is: claim-lock.ts and all that it uses, but for the pulse itself. Files, pulses, and what is
 * known of processes are those of a model, in which every step of every contender is tried in every order.
 */

const fault = vi.hoisted((): Partial<typeof protocol> => ({}));

vi.mock(import("node:fs"), async (original) => {
  const { modelFileSystem } = await import("../../support/model-process.ts");
  return Object.assign({}, await original(), modelFileSystem) as never;
});
vi.mock(import("../../../src/process/identity.ts"), async (original) => ({
  ...(await original()),
  selfIdentity: () => running().identity,
  livenessOf: () => running().livenessOfProbed,
  whereaboutsOf: () => "here",
}));
vi.mock(import("../../../src/process/clock.ts"), async (original) => ({
  ...(await original()),
  systemClock: { now: () => 0, sleep: async () => void (await running().ask({ op: "sleep" })) },
}));
vi.mock(import("../../../src/lock/protocol.ts"), async (original) => {
  const real = await original();
  return {
    ...real,
    takeNumber: (...given) => (fault.takeNumber ?? real.takeNumber)(...given),
    sweep: (...given) => (fault.sweep ?? real.sweep)(...given),
  };
});

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: 0 });
  const later = (task: () => void) => (running().later(task), { unref: () => null });
  vi.stubGlobal("setImmediate", later);
  vi.stubGlobal("setTimeout", later);
  vi.stubGlobal("setInterval", () => ({ unref: () => null }));
  vi.stubGlobal("clearInterval", () => undefined);
});
afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
afterEach(() => {
  delete fault.takeNumber;
  delete fault.sweep;
  vi.restoreAllMocks();
});

/** Somebody was killed that held the lock, and somebody that waited. */
const bothDead = [
  { directory: "claims", number: 1 },
  { directory: "queue", number: 1 },
] as const;
interface Bounds extends Omit<QueueModel, "dead" | "highest"> {
  readonly atLeastStates: number;
  readonly isDeep?: boolean;
}

function contend(bounds: Omit<QueueModel, "dead" | "highest">): Promise<QueueExploration> {
  return exploreQueue({ dead: bothDead, highest: { claims: 5, queue: 4 }, ...bounds });
}

const models: readonly Bounds[] = [
  { contenders: [waits, waits], crashes: 2, atLeastStates: 3_000 },
  { contenders: [waits, doesNotWait], crashes: 2, atLeastStates: 2_000 },
  { contenders: [waits, waits, waits], crashes: 0, switches: 1, atLeastStates: 8_000 },
  { contenders: [waits, waits, waits], crashes: 2, switches: 2, atLeastStates: 500_000, isDeep: true },
  { contenders: [waits, waits, doesNotWait], crashes: 2, switches: 2, atLeastStates: 300_000, isDeep: true },
  { contenders: [waits, waits, waits], crashes: 1, switches: 3, atLeastStates: 2_500_000, isDeep: true },
  { contenders: [waits, waits, waits], crashes: 0, switches: 4, atLeastStates: 4_000_000, isDeep: true },
];

const namedModels = models
  .filter(({ isDeep = false }) => isDeep === explorations.areDeep)
  .map((model) => {
    const { atLeastStates, isDeep: _, ...bounds } = model;
    const names = bounds.contenders.map(({ name }) => name).join(", ");
    return { names, crashes: bounds.crashes, atLeastStates, bounds };
  });

describe("the lock and its queue, over all interleavings of file operations", () => {
  it.each(namedModels)(
    "never let two hold the lock, pass anybody in line, or leave anybody waiting: $names, $crashes crashes",
    explorations,
    async ({ atLeastStates, bounds }) => {
      const { states, grants, turns, violation } = await contend(bounds);
      expect(violation).toBeNull();
      // The exploration was as wide as it claims to be.
      expect(states).toBeGreaterThan(atLeastStates);
      expect(grants).toBeGreaterThan(states / 50);
      expect(turns).toBeGreaterThan(10);
    },
  );
});

/** Tickets alone, or claims alone, with a part of the protocol taken out. */
function takeWithout(which: "tickets" | "claims", change: Change): void {
  fault.takeNumber = async (store, options) => {
    const { takeNumber } = await vi.importActual<typeof protocol>("../../../src/lock/protocol.ts");
    return takeNumber(options.beside === (which === "tickets") ? change(store) : store, options);
  };
}

const three = { contenders: [waits, waits, waits], crashes: 0, switches: 2 };
const two = { contenders: [waits, waits], crashes: 1 };

describe("each part of it is needed: the exploration finds a violation", () => {
  it.each([
    {
      without: "judging the last claim (step 1)",
      bounds: two,
      begin: () => takeWithout("claims", faults.withoutJudging),
      what: /two hold/,
    },
    {
      without: "looking again for tickets (step 3)",
      bounds: three,
      begin: () => takeWithout("tickets", faults.withoutLookingAgain),
      what: /passes|ticket 1 twice/,
    },
    {
      without: "sparing tickets of the living",
      bounds: two,
      begin: () =>
        (fault.sweep = (store, { keep, upTo }) =>
          faults.sweepEverything(store, { keep, ...(upTo === undefined ? {} : { upTo }) })),
      what: /waits by the clock/,
    },
    {
      without: "looking who is in line (-n)",
      bounds: { contenders: [waits, doesNotWait, doesNotWait], crashes: 0, switches: 2 },
      begin: () => vi.spyOn(Ticket, "line").mockResolvedValue({ waiters: [], unreadable: [] }),
      what: /passes/,
    },
    {
      without: "noticing that a waiter has died",
      bounds: { contenders: [waits], crashes: 0 },
      begin: () => vi.spyOn(pulses.forNew, "probe").mockResolvedValue("beating"),
      what: /for ever/,
    },
  ])("without $without", explorations, async ({ bounds, begin, what }) => {
    begin();
    const { violation } = await contend(bounds);
    expect(violation?.what).toMatch(what);
  });
});
