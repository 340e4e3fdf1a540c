import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mayHaveDescendants } from "../../src/process/descendants.ts";
import { identify } from "../../src/process/identity.ts";
import { knownFile } from "../../src/process/known-file.ts";
import { newestPid, PidWindow, type PidsSince } from "../../src/process/pid-window.ts";
import { listedBy, openProcessTable, type ProcessTable } from "../../src/process/table.ts";
import { until } from "../support/until.ts";
import { environmentOf, lookAt, signalIfSame } from "../support/live-processes.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

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

type Look = () => PidsSince | null;

function windowFrom(first: number): Look {
  const window = new PidWindow(first);
  return () => window.since(0);
}

/** As when they are too many to be looked up one by one. */
function amongAll(look: Look): Look {
  return () => {
    const since = look();
    return since && { ...since, few: null };
  };
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
    const look = windowFrom(first);
    expect(await mayHaveDescendants(table, roots, look)).toBe(expected);
    // Looked up one by one, or found among all.
    expect(await mayHaveDescendants(table, roots, amongAll(look))).toBe(expected);
  });

  it.each([
    ["looked up one by one", windowFrom],
    ["found among all", (first: number) => amongAll(windowFrom(first))],
  ])("is a child that its parent, which has ended, had before it was looked at: %s (R3.4)", async (_, lookFrom) => {
    const first = newestPid() ?? 0;
    const parent = await startWith({});
    const real = await openProcessTable();
    let child = 0;
    // What it looks at is gone by then, and what it has left is not among the PIDs that it began with.
    const read: ProcessTable["variablesOf"] = async (pid) => {
      if (pid === parent && child === 0) child = await startWith({ HOLDFAST_SESSION: cookie });
      return pid === parent ? null : real.variablesOf(pid);
    };
    const table = { ...listedBy(real, (among) => real.list(among)), variablesOf: read };
    expect(await mayHaveDescendants(table, roots, lookFrom(first))).toBe(true);
    expect(child).toBeGreaterThan(0);
  });

  it.each([
    [
      "is who has cleared its environment and lost its parents, and has inherited what only the tree has (R3.4)",
      "sleep",
      true,
    ],
    // Whoever takes a lock, or keeps one, has its claim open because it has made it.
    ["is no holdfast that has the same open", "holdfast", false],
  ])("%s", async (_, name, expected) => {
    const first = newestPid() ?? 0;
    const directory = temporaryDirectory();
    const [file, program] = [join(directory, "claim"), join(directory, name)];
    const daemon = 'ln -s "$(command -v sleep)" "$1"; env -i "$1" 60 >/dev/null 2>&1 3>>"$0" & echo $!';
    const pid = Number(execFileSync("sh", ["-c", daemon, file, program], { encoding: "utf8" }));
    const heir = await until(() => lookAt(pid));
    onTestFinished(() => {
      signalIfSame(heir, "SIGKILL");
    });
    await until(() => readFileSync(`/proc/${pid}/cmdline`, "utf8") === [program, "60", ""].join("\0"));
    const [table, claim, look] = [await openProcessTable(), knownFile(file), windowFrom(first)];
    if (claim === null) throw new Error("It is there");
    expect(await mayHaveDescendants(table, { ...roots, inherited: [claim] }, look)).toBe(expected);
    expect(await mayHaveDescendants(table, roots, look)).toBe(false);
  });

  it("may be anybody where nothing is known of the PIDs since", async () => {
    expect(await mayHaveDescendants(await openProcessTable(), roots, () => null)).toBe(true);
  });

  it("is nobody who was there before", async () => {
    await startWith({ HOLDFAST_SESSION: cookie });
    const first = newestPid() ?? 0;
    const table = await openProcessTable();
    expect(await mayHaveDescendants(table, roots, windowFrom(first))).toBe(false);
    expect(await mayHaveDescendants(table, roots, amongAll(windowFrom(first)))).toBe(false);
  });

  it("is a member of the group of a leader that is there, though it carries nothing", async () => {
    const first = newestPid() ?? 0;
    const pid = await startWith({}, { detached: true });
    const table = await openProcessTable();
    const leader = identify(pid);
    const led = { ...roots, groupLeader: leader, roots: leader === null ? [] : [leader] };
    expect(await mayHaveDescendants(table, led, windowFrom(first))).toBe(true);
    expect(await mayHaveDescendants(table, roots, windowFrom(first))).toBe(false);
  });
});
