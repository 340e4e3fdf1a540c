import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { mayHaveDescendants } from "../../src/process/descendants.ts";
import { identify } from "../../src/process/identity.ts";
import { newestPid, PidWindow, type PidsSince } from "../../src/process/pid-window.ts";
import { openProcessTable } from "../../src/process/table.ts";
import { until } from "../support/until.ts";
import { environmentOf } from "../support/live-processes.ts";

const cookie = "01jyx3kq0zabcdefghjkmnpqrs";

/** A process with this environment, once it has it. */
async function startWith(env: Record<string, string>, { detached = false } = {}): Promise<number> {
  const child = spawn("sleep", ["60"], { env: { PATH: process.env["PATH"] ?? "", MARK: "x", ...env }, detached });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const { pid = 0 } = child;
  await until(() => environmentOf(pid, "MARK") === "x");
  return pid;
}

function windowFrom(first: number): PidsSince {
  const since = new PidWindow(first).since(0);
  if (since === null) throw new Error("Known within a second");
  return since;
}

describe.skipIf(process.platform !== "linux")("what may live of a tree whose roots are dead", () => {
  const roots = { groupLeader: null, roots: [], cookie, except: [process.pid] };

  it.each([
    ["who carries the cookie", { HOLDFAST_SESSION: cookie }, true],
    ["not who was let go with --close", { HOLDFAST_SESSION: cookie, HOLDFAST_CLOSE: "1" }, false],
    ["not who carries another", { HOLDFAST_SESSION: `${cookie.slice(1)}x` }, false],
    ["nobody without one", {}, false],
  ])("is %s", async (_, env, expected) => {
    const first = newestPid() ?? 0;
    await startWith(env);
    const table = await openProcessTable();
    const since = windowFrom(first);
    expect(await mayHaveDescendants(table, roots, since)).toBe(expected);
    // Looked up one by one, or found among all.
    expect(await mayHaveDescendants(table, roots, { has: since.has, few: null })).toBe(expected);
  });

  it("is nobody who was there before", async () => {
    await startWith({ HOLDFAST_SESSION: cookie });
    const first = newestPid() ?? 0;
    const table = await openProcessTable();
    expect(await mayHaveDescendants(table, roots, windowFrom(first))).toBe(false);
    expect(await mayHaveDescendants(table, roots, { has: (pid) => pid > first, few: null })).toBe(false);
  });

  it("is a member of the group of a leader that is there, though it carries nothing", async () => {
    const first = newestPid() ?? 0;
    const pid = await startWith({}, { detached: true });
    const table = await openProcessTable();
    expect(await mayHaveDescendants(table, { ...roots, groupLeader: identify(pid) }, windowFrom(first))).toBe(true);
    expect(await mayHaveDescendants(table, roots, windowFrom(first))).toBe(false);
  });
});
