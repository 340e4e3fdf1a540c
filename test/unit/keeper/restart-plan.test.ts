import { describe, expect, it } from "vitest";
import { RestartPlan } from "../../../src/keeper/restart-plan.ts";

const clean = { code: 0, signal: null };
const failed = { code: 1, signal: null };
const killed = { code: null, signal: "SIGKILL" } as const;

describe("a plan for restarts", () => {
  it.each([
    ["no", clean, false],
    ["no", failed, false],
    ["no", killed, false],
    ["on-failure", clean, false],
    ["on-failure", failed, true],
    ["on-failure", killed, true],
    ["always", clean, true],
    ["always", failed, true],
    ["always", killed, true],
  ] as const)("%s, when the agent ended with %j: %s", (restart, exit, again) => {
    const plan = new RestartPlan({ restart, max_restarts: null });
    expect(plan.next(exit, 5) !== null).toBe(again);
    expect(plan.count).toBe(again ? 1 : 0);
  });

  it("waits twice as long each time, up to a minute", () => {
    const plan = new RestartPlan({ restart: "always", max_restarts: null });
    const delays = Array.from({ length: 13 }, () => plan.next(failed, 0));
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000, 60_000]);
  });

  it("begins anew after an agent that ran for ten seconds", () => {
    const plan = new RestartPlan({ restart: "always", max_restarts: null });
    expect([0, 0, 9_999, 10_000, 0].map((ranMs) => plan.next(failed, ranMs))).toEqual([100, 200, 400, 100, 200]);
  });

  it.each([0, 1, 3])("ends after %i restarts, however they went", (most) => {
    const plan = new RestartPlan({ restart: "always", max_restarts: most });
    const delays = Array.from({ length: most + 2 }, () => plan.next(failed, 60_000));
    expect(delays.map((delay) => delay !== null)).toEqual([...Array<boolean>(most).fill(true), false, false]);
    expect(plan.count).toBe(most);
  });
});
