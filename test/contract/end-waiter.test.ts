import { expect, it } from "vitest";
import { defaultConfig } from "../../src/home/config.ts";
import { homeAt } from "../../src/home/locate.ts";
import { listedBy } from "../../src/process/table.ts";
import { openContext, type Context } from "../../src/session/context.ts";
import { currentActor } from "../../src/session/actor.ts";
import { endWaiter } from "../../src/session/end-waiter.ts";
import { isAlive } from "../support/live-processes.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

async function contextOf(workspace: Workspace): Promise<Context> {
  return openContext({
    home: homeAt(workspace.root, workspace.state),
    config: { ...defaultConfig, stop: { signal: "SIGTERM", killAfterMs: 0 } },
    env: {},
    lockName: "session",
    by: currentActor(),
    create: false,
  });
}

// `stop ID` of a queued session looked at the line, its turn came, and the keeper got what was meant for a waiter: SIGKILL
// after the grace period of a waiter, which its session's own may exceed. The agent lived on, and `stop` reported success.
it("leaves a keeper alone whose turn has come: its session is not to be orphaned (R2.2, R3.4)", async () => {
  const workspace = openWorkspace();
  await startSession(workspace, agent("sleeper.sh"), { id: "first" });
  await workspace.holdfast(["start", "second", "--queue", "--", ...agent("ignores-term.sh")]);
  const context = await contextOf(workspace);
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

// With a lease a waiter stands in line until its PID is gone, and shows that it is one as long as it has its ticket open. Being
// killed, it closed that first, and `stop` said in that moment that it could not be ended.
it("takes a waiter that is just being killed for gone (R3.4)", async () => {
  const workspace = openWorkspace();
  const env = { HOLDFAST_PULSE: "lease" };
  await startSession(workspace, agent("sleeper.sh"), { id: "first", env });
  await workspace.holdfast(["start", "second", "--queue", "--", ...agent("sleeper.sh")], { env });
  const opened = await contextOf(workspace);
  const [ticket] = (await opened.lock.look()).waiters;
  if (ticket === undefined) throw new Error("nobody waits");
  const { pid } = ticket.record.owner;
  const table = await opened.processes();
  const writesTo = async () => {
    process.kill(pid, "SIGKILL");
    return false;
  };
  const processes = async () => ({ ...listedBy(table, (among) => table.list(among)), writesTo });
  expect(await endWaiter({ ...opened, processes }, ticket)).toBe(true);
  expect(isAlive(pid)).toBe(false);
  expect((await statusOf(workspace, { env })).queue).toEqual([]);
});
