import { expect, it } from "vitest";
import type { Agent, AgentExit } from "../../../src/keeper/agent.ts";
import { OwnRoots } from "../../../src/keeper/own-roots.ts";
import { systemClock } from "../../../src/process/clock.ts";
import { olderThan, selfIdentity } from "../../../src/process/identity.ts";
import type { SessionInfo } from "../../../src/session/session-info.ts";

const dayMs = 86_400_000;

/** Whether who runs now was there before this agent was gone, as its keeper knows it. */
async function wasThere(exit: Partial<AgentExit>): Promise<boolean> {
  const agent = { ...selfIdentity(), pid: 4711 };
  const own = new OwnRoots(
    () => ({ agent, leads_group: true, launcher: null, tmux: null, restarts: 0 }) as SessionInfo,
  );
  const exited = Promise.resolve({ code: null, signal: null, at: new Date(), ...exit });
  own.began({ pid: agent.pid, exited } as Agent);
  await exited;
  const { leaderGoneBy } = own.now();
  return leaderGoneBy !== undefined && leaderGoneBy !== null && olderThan(leaderGoneBy)(selfIdentity());
}

it("knows who was there when a child was gone, whose number is its own until then (R4.2)", async () => {
  expect(await wasThere({})).toBe(true);
});

it("believes nobody who has come since the agent was last seen, if it is no child (R1.1)", async () => {
  expect(await wasThere({ seenAtMs: systemClock.now() })).toBe(true);
  expect(await wasThere({ seenAtMs: systemClock.now() - dayMs })).toBe(false);
  expect(await wasThere({ seenAtMs: Number.NEGATIVE_INFINITY })).toBe(false);
});

it("knows nobody by a claim that it cannot look at", () => {
  const own = new OwnRoots(() => ({ agent: null, leads_group: true, launcher: null, tmux: null }) as SessionInfo);
  own.inherits(2 ** 20);
  expect(own.now().inherited).toEqual([]);
});
