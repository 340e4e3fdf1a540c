import { mkdirSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { schemaProblems } from "../support/output-schema.ts";
import { PidNamespace, whyNoPidNamespace } from "../support/pid-namespace.ts";
import type { Json } from "../support/program.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const reason = whyNoPidNamespace === null ? "" : ` (SKIPPED, no PID namespace can be made: ${whyNoPidNamespace})`;
const sleeper = ["--", ...agent("sleeper.sh")];

/**
 * In a namespace: outside of one it would look at whatever lives on this machine, and close there what is lost, in the
 * middle of other tests.
 */
describe.skipIf(whyNoPidNamespace !== null)(`list --everywhere (R1.2)${reason}`, () => {
  /** A namespace, with a project in each of these directories, and one around them. */
  async function openIn(...directories: readonly string[]): Promise<{ workspace: Workspace; inside: PidNamespace }> {
    const workspace = openWorkspace();
    for (const directory of directories) mkdirSync(join(workspace.root, directory, ".git"), { recursive: true });
    return { workspace, inside: await PidNamespace.open(workspace) };
  }

  /** The same, and a session lives in each of them. */
  async function open(...directories: readonly string[]): ReturnType<typeof openIn> {
    const place = await openIn(...directories);
    for (const directory of directories) await started(place.inside, ["-C", directory, "start", "demo", ...sleeper]);
    return place;
  }

  async function started(inside: PidNamespace, words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    expect((await inside.holdfast(words, { env })).exitCode).toBe(0);
  }

  /** Of each session its directory, its lock, what it is called, and where it stands. */
  async function statesIn(inside: PidNamespace, root: string, ...words: readonly string[]): Promise<string[]> {
    const listed = await inside.holdfast([...words, "list", "--everywhere", "--json"]);
    expect(listed).toMatchObject({ exitCode: 0, stderr: "" });
    expect(schemaProblems("list", listed.json())).toEqual([]);
    return listed.json().sessions.map((each: Json) => {
      return `${relative(root, each.directory)} ${each.lock} ${each.id} ${each.state}`;
    });
  }

  it("shows what runs in other directories too, and what ended there lately; this one's in any case", async () => {
    const { workspace, inside } = await openIn("here", "one", "other");
    await started(inside, ["-C", "here", "run", "--id", "before", "true"]);
    await started(inside, ["-C", "one", "run", "--id", "earlier", "true"]);
    const states = () => statesIn(inside, workspace.root, "-C", "here");
    expect(await states()).toEqual(["here session before ended"]);
    await started(inside, ["-C", "one", "start", "demo", ...sleeper]);
    await started(inside, ["-C", "one", "start", "nightly", "--lock", "second", ...sleeper]);
    // Its keeper tells of it.
    await started(inside, ["-C", "other", "start", "bare", "--", "env", "-i", "/bin/sh", "-c", "exec sleep 300"]);
    expect(await states()).toEqual([
      "here session before ended",
      "one session demo active",
      "one second nightly active",
      "one session earlier ended",
      "other session bare active",
    ]);
  });

  it("finds a state directory that is elsewhere, by the session's own settings and not by the caller's", async () => {
    const { workspace, inside } = await openIn("one");
    const env = { HOLDFAST_STATE_DIR: "elsewhere" };
    await started(inside, ["-C", "one", "start", "demo", ...sleeper], env);
    await started(inside, ["-C", "one", "run", "--id", "usual", "true"]);
    expect(await statesIn(inside, workspace.root)).toEqual(["one session demo active"]);
    const { stdout } = await inside.holdfast(["list", "--everywhere"]);
    const one = join(workspace.root, "one");
    expect(stdout).toContain(`${one}  HOLDFAST_STATE_DIR=${join(one, "elsewhere")}\n`);
  });

  it("lists a state directory once, by whichever path it is named", async () => {
    const { workspace, inside } = await openIn("one");
    const one = join(workspace.root, "one");
    mkdirSync(join(one, "real"));
    symlinkSync("real", join(one, "link"));
    const states = [join(one, "real/state"), join(one, "link/state")].map((path) => ({ HOLDFAST_STATE_DIR: path }));
    for (const [index, env] of states.entries()) {
      await started(inside, ["-C", "one", "start", `by-${index}`, "--lock", `lock-${index}`, ...sleeper], env);
    }
    expect(await statesIn(inside, workspace.root)).toEqual(["one lock-0 by-0 active", "one lock-1 by-1 active"]);
    for (const env of states) {
      const listed = await inside.holdfast(["-C", "one", "list", "--everywhere", "--json"], { env });
      expect(listed.json().sessions).toHaveLength(2);
    }
  });

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
    const { workspace, inside } = await open("a", "b");
    workspace.write("a/.holdfast/claims/session.1", "no claim");
    const gone = join(workspace.root, "gone");
    await started(inside, ["start", "--lock", "c", "--", "env", `HOLDFAST_DIR=${gone}`, "sleep", "300"]);
    const listed = await inside.holdfast(["list", "--everywhere", "--json"]);
    expect(listed.exitCode).toBe(65);
    expect(listed.json().sessions).toMatchObject([
      { directory: workspace.root, lock: "c", state: "active" },
      { directory: join(workspace.root, "b"), id: "demo", state: "active" },
    ]);
    const { problems } = listed.json();
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain(join(workspace.root, "a/.holdfast/claims/session.1"));
    expect(problems[1]).toMatch(/^PID \d+ runs for a directory that is not found here: .*\/gone$/);
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
