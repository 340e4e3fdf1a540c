import { mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { schemaProblems } from "../support/output-schema.ts";
import { PidNamespace, whyNoPidNamespace } from "../support/pid-namespace.ts";
import type { Json } from "../support/program.ts";
import { startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const reason = whyNoPidNamespace === null ? "" : ` (SKIPPED, no PID namespace can be made: ${whyNoPidNamespace})`;

/** The sessions of these workspaces, among those of whatever else runs on this machine. */
async function statesIn(asked: Workspace, ...workspaces: readonly Workspace[]): Promise<string[]> {
  const listed = await asked.holdfast(["list", "--everywhere", "--json"]);
  expect(schemaProblems("list", listed.json())).toEqual([]);
  return workspaces.flatMap(({ root }, index) => {
    const here = listed.json().sessions.filter(({ directory }: Json) => directory === root);
    return here.map(({ id, lock, state }: Json) => `${index} ${lock} ${id} ${state}`);
  });
}

describe("list --everywhere (R1.2)", () => {
  it("shows what runs in other directories too, and what ended there lately; this one's in any case", async () => {
    const [here, one, other] = [openWorkspace(), openWorkspace(), openWorkspace()];
    await here.holdfast(["run", "--id", "before", "true"]);
    await one.holdfast(["run", "--id", "earlier", "sh", "-c", "exit 3"]);
    expect(await statesIn(here, here, one, other)).toEqual(["0 session before ended"]);
    await startSession(one);
    await startSession(one, agent("sleeper.sh"), { id: "nightly", options: ["--lock", "second"] });
    await startSession(other, ["env", "-i", "/bin/sh", "-c", "exec sleep 300"], { id: "bare" });
    expect(await statesIn(here, here, one, other)).toEqual([
      "0 session before ended",
      "1 session demo active",
      "1 second nightly active",
      "1 session earlier ended",
      "2 session bare active",
    ]);
  });

  it("finds a state directory that is elsewhere, by the session's own settings and not by the caller's", async () => {
    const [here, one] = [openWorkspace(), openWorkspace()];
    const env = { HOLDFAST_STATE_DIR: "elsewhere" };
    await one.holdfast(["start", "demo", "--", ...agent("sleeper.sh")], { env });
    await one.holdfast(["run", "--id", "usual", "true"]);
    expect(await statesIn(here, one)).toEqual(["0 session demo active"]);
    const { stdout } = await here.holdfast(["list", "--everywhere"]);
    expect(stdout).toContain(`${one.root}  HOLDFAST_STATE_DIR=${join(one.root, "elsewhere")}\n`);
    await one.holdfast(["stop"], { env });
  });

  it("lists a state directory once, by whichever path it is named", async () => {
    const [here, one] = [openWorkspace(), openWorkspace()];
    mkdirSync(join(one.root, "real"));
    symlinkSync("real", join(one.root, "link"));
    const paths = [join(one.root, "real/state"), join(one.root, "link/state")];
    for (const [index, path] of paths.entries()) {
      const words = ["start", `by-${index}`, "--lock", `lock-${index}`, "--", ...agent("sleeper.sh")];
      await one.holdfast(words, { env: { HOLDFAST_STATE_DIR: path } });
    }
    const once = ["0 lock-0 by-0 active", "0 lock-1 by-1 active"];
    expect(await statesIn(here, one)).toEqual(once);
    for (const path of paths) {
      const env = { HOLDFAST_STATE_DIR: path };
      const listed = (await one.holdfast(["list", "--everywhere", "--json"], { env })).json();
      expect(listed.sessions.filter(({ directory }: Json) => directory === one.root)).toHaveLength(2);
    }
    await one.holdfast(["cleanup"], { env: { HOLDFAST_STATE_DIR: paths[0] } });
  });
});

describe.skipIf(whyNoPidNamespace !== null)(`list --everywhere, where nothing else runs${reason}`, () => {
  /** A namespace in which sessions live in these directories of the project, each a project of its own. */
  async function open(...directories: readonly string[]): Promise<{ workspace: Workspace; inside: PidNamespace }> {
    const workspace = openWorkspace();
    const inside = await PidNamespace.open(workspace);
    for (const directory of directories) {
      mkdirSync(join(workspace.root, directory, ".git"), { recursive: true });
      const started = await inside.holdfast(["-C", directory, "start", "demo", "--json", "--", ...agent("sleeper.sh")]);
      expect(started.exitCode).toBe(0);
    }
    return { workspace, inside };
  }

  it("has a heading for each directory, and says when there is nothing", async () => {
    const { workspace, inside } = await open("b", "a");
    mkdirSync(join(workspace.root, "c"));
    // Where nothing lives any more, nothing tells of it.
    expect((await inside.holdfast(["-C", "c", "run", "true"])).exitCode).toBe(0);
    const { stdout, stderr, exitCode } = await inside.holdfast(["list", "--everywhere"]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const [first, second, ...more] = stdout.split("\n\n");
    expect(more).toEqual([]);
    for (const [block, directory] of [
      [first, "a"],
      [second, "b"],
    ] as const) {
      const [head, columns, row, ...rest] = block?.trimEnd().split("\n") ?? [];
      expect(head).toBe(join(workspace.root, directory));
      expect(columns).toMatch(/^ID +STATE +FOR +WHEN +COMMAND$/);
      expect(row).toMatch(/^demo +active +\S+ +started .*sleeper\.sh$/);
      expect(rest).toEqual([]);
      await inside.holdfast(["-C", directory, "stop"]);
    }
    expect(await inside.holdfast(["list", "--everywhere"])).toMatchObject({ stdout: "No sessions\n", exitCode: 0 });
  });

  it("takes --lock, --ended and -n for each directory", async () => {
    const { inside } = await open("a", "b");
    for (const id of ["one", "two"]) await inside.holdfast(["-C", "a", "run", "--lock", "x", "--id", id, "true"]);
    const ids = async (...words: readonly string[]) => {
      const { sessions, more } = (await inside.holdfast(["list", "--everywhere", "--json", ...words])).json();
      return [...sessions.map(({ id }: Json) => id), more];
    };
    expect(await ids()).toEqual(["demo", "two", "one", "demo", false]);
    expect(await ids("-n", "1")).toEqual(["demo", "two", "demo", true]);
    expect(await ids("--lock", "x")).toEqual(["two", "one", false]);
    expect(await ids("--ended")).toEqual(["two", "one", false]);
  });

  it("names what cannot be read, and shows the rest; exits as for one directory", async () => {
    const { workspace, inside } = await open("a", "b", "c");
    workspace.write("a/.holdfast/claims/session.1", "no claim");
    // A keeper would make its directory anew within a second.
    const { keeper_pid: keeper } = (await inside.holdfast(["-C", "b", "status", "--json"])).json().session;
    const outside = inside.outerPid(keeper);
    process.kill(outside, "SIGKILL");
    await until(() => !isAlive(outside));
    renameSync(join(workspace.root, "b"), join(workspace.root, "gone"));
    const listed = await inside.holdfast(["list", "--everywhere", "--json"]);
    expect(listed.exitCode).toBe(65);
    expect(listed.json().sessions).toMatchObject([{ directory: join(workspace.root, "c"), id: "demo" }]);
    const { problems } = listed.json();
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain(join(workspace.root, "a/.holdfast/claims/session.1"));
    expect(problems[1]).toMatch(/^PID \d+ runs for a directory that is not found here: .*\/b$/);
    const shown = await inside.holdfast(["list", "--everywhere"]);
    expect(shown).toMatchObject({ exitCode: 65, stderr: expect.stringContaining("is not found here") });
  });

  it("says in which directory a configuration is wrong", async () => {
    const { workspace, inside } = await open("a", "b");
    workspace.write("a/holdfast.json", `{ "agent": 5 }`);
    const listed = await inside.holdfast(["list", "--everywhere", "--json"]);
    expect(listed).toMatchObject({ exitCode: 0, stderr: "" });
    expect(listed.json().sessions).toHaveLength(2);
    expect(listed.json().problems).toEqual([
      `holdfast.json:1:12: agent: expected an object, got 5 (that file is ignored here): ${join(workspace.root, "a")}`,
    ]);
  });
});
