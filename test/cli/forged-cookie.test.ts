import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { agent, bin, openWorkspace } from "../support/workspace.ts";

const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
const reason = isRoot ? "" : " (SKIPPED: only root can act as another user)";
const asNobody = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];

describe.skipIf(!isRoot)(`a process of another user with the cookie of a session${reason}`, () => {
  it("is nothing to a user who is not root: neither shown nor signalled (R3.5, R3.6)", async () => {
    const [workspace, elsewhere] = [openWorkspace(), openWorkspace()];
    for (const path of [workspace.root, join(workspace.root, "..")]) chmodSync(path, 0o777);
    const call = { env: { HOME: "/nonexistent" } };
    const holdfast = (...words: string[]) =>
      workspace.spawn([...asNobody, process.execPath, bin, ...words], call).ended;
    const started = (await holdfast("start", "demo", "--json", "--", ...agent("sleeper.sh"))).json();
    const forger = elsewhere.spawn(["sleep", "300"], { env: { HOLDFAST_SESSION: started.session.uid } });
    const shown = (await holdfast("status", "--json")).json();
    expect(shown.session.processes.map(({ pid }: { pid: number }) => pid)).toEqual([started.session.pid]);
    expect((await holdfast("stop", "--json")).json().end.survivors).toEqual([]);
    expect((await holdfast("cleanup")).exitCode).toBe(0);
    expect(isAlive(forger.pid)).toBe(true);
    expect(isAlive(started.session.pid)).toBe(false);
  });

  it("is taken at its word by root, who sees it: whoever forges the cookie is ended with the session (R3.6)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startSession(workspace);
    const forger = workspace.spawn([...asNobody, "sleep", "300"], { env: { HOLDFAST_SESSION: uid }, cwd: "/" });
    const isForger = ({ pid: each }: { pid: number }) => each === forger.pid;
    expect((await statusOf(workspace)).session.processes.some(isForger)).toBe(true);
    await workspace.holdfast(["stop"]);
    expect([pid, forger.pid].map((each) => isAlive(each))).toEqual([false, false]);
  });
});

describe("what holdfast makes", () => {
  it("is for its user alone, whatever the umask (R0.2)", async () => {
    const workspace = openWorkspace();
    mkdirSync(join(workspace.root, "below"));
    const under = ["sh", "-c", 'umask 0 && exec "$0" "$@"', process.execPath, bin];
    await workspace.spawn([...under, "start", "demo", "--", ...agent("sleeper.sh")]).ended;
    await workspace.spawn([...under, "join", "--pid", String(process.pid)]).ended;
    await workspace.spawn([...under, "stop"]).ended;
    await workspace.spawn([...under, "run", "--slots", "2", "true"]).ended;
    const made = [
      workspace.state,
      ...readdirSync(workspace.state, { recursive: true, encoding: "utf8" }).map((name) => join(workspace.state, name)),
    ];
    expect(made.length).toBeGreaterThan(12);
    const open = made.filter((path) => (statSync(path).mode & 0o077) !== 0);
    expect(open).toEqual([]);
  });
});
