import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock, waitInLine } from "../support/held-lock.ts";
import { statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

/** The lease by which a place in line beats; of a ticket without one, nothing. */
function leaseOf(workspace: Workspace, ticket: number): string {
  const [, lease = ""] = /"lease":"([^"]+)"/.exec(workspace.read(`.holdfast/queue/session.${ticket}`)) ?? [];
  return lease === "" ? "" : join(workspace.state, "queue", lease);
}

describe("a waiter whose lease is disturbed, as by a file system that fails for a while", () => {
  it("has its place in line again, under its number, and its turn (R3.1)", async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_PULSE: "lease" };
    const holder = await holdLock(workspace, { env });
    const waiting = await waitInLine(workspace, ["--id", "next", "true"], { env });
    const before = leaseOf(workspace, 1);
    rmSync(before, { recursive: true });
    await until(() => ![before, ""].includes(leaseOf(workspace, 1)) && existsSync(leaseOf(workspace, 1)), {
      what: "it beats again",
    });
    expect((await statusOf(workspace, { env })).queue).toMatchObject([{ id: "next", position: 1 }]);
    await holder.letGo();
    expect((await waiting.ended).exitCode).toBe(0);
    expect(workspace.events("unqueued")).toEqual([]);
  });
});
