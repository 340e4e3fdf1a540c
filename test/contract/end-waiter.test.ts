import { expect, it } from "vitest";
import { defaultConfig } from "../../src/home/config.ts";
import { homeAt } from "../../src/home/locate.ts";
import { openContext } from "../../src/session/context.ts";
import { currentActor } from "../../src/session/actor.ts";
import { endWaiter } from "../../src/session/end-waiter.ts";
import { isAlive } from "../support/live-processes.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

// `stop ID` of a queued session looked at the line, its turn came, and the keeper got what was meant for a waiter: SIGKILL
// after the grace period of a waiter, which its session's own may exceed. The agent lived on, and `stop` reported success.
it("leaves a keeper alone whose turn has come: its session is not to be orphaned (R2.2, R3.4)", async () => {
  const workspace = openWorkspace();
  await startSession(workspace, agent("sleeper.sh"), { id: "first" });
  await workspace.holdfast(["start", "second", "--queue", "--", ...agent("ignores-term.sh")]);
  const context = await openContext({
    home: homeAt(workspace.root, workspace.state),
    config: { ...defaultConfig, stop: { signal: "SIGTERM", killAfterMs: 0 } },
    env: {},
    lockName: "session",
    by: currentActor(),
    create: false,
  });
  const [ticket] = (await context.lock.look()).waiters;
  if (ticket === undefined) throw new Error("nobody waits");
  await workspace.holdfast(["stop", "first"]);
  const session = await until(async () => {
    const status = await statusOf(workspace);
    return status.session?.id === "second" && status.session.state === "active" ? status.session : null;
  });
  expect(session.keeper_pid).toBe(ticket.record.owner.pid);
  expect(await endWaiter(context, ticket)).toBe(false);
  expect(isAlive(session.keeper_pid)).toBe(true);
  expect((await statusOf(workspace)).session).toMatchObject({ uid: session.uid, state: "active" });
});
