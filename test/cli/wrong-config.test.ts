import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { schemaProblems } from "../support/output-schema.ts";
import { expectFree, startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { openWorkspace } from "../support/workspace.ts";

describe("a mistake in holdfast.json, made while a session is active", () => {
  it("keeps it neither from being looked back on nor from being stopped, and is told (R1.1, R3.4)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace);
    workspace.write("holdfast.json", '{ "stop": { "kill_aftr": "5s" } }');
    for (const words of [["logs"], ["list"], ["stats"], ["join", "--no-follow"], ["stop"], ["wait", "demo"]]) {
      const done = await workspace.holdfast(words);
      expect(done.stderr).toMatch(
        /^holdfast\.json:1:13: stop\.kill_aftr: unknown key.*\nThat configuration is ignored here/,
      );
      expect(done.exitCode).toBe(words[0] === "wait" ? 143 : 0);
    }
    expect(isAlive(pid)).toBe(false);
    expect((await workspace.holdfast(["start", "next", "--", "true"])).exitCode).toBe(78);
    workspace.write("holdfast.json", "{}");
    await expectFree(workspace);
  });

  it("is among the problems that status tells of, with all that does not depend on it (R1.3)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    workspace.write("holdfast.json", '{ "stop": { "kill_aftr": "5s" } }');
    const problem = /^holdfast\.json:1:13: stop\.kill_aftr: unknown key.* \(that file is ignored here\)$/;
    const document = (await workspace.holdfast(["status", "--json"])).json();
    expect(document).toMatchObject({ ok: true, active: true, session: { id: "demo" } });
    expect(document.problems).toEqual([expect.stringMatching(problem)]);
    expect(schemaProblems("status", document)).toEqual([]);
    expect(await workspace.holdfast(["status", "--check"])).toMatchObject({ exitCode: 0, stderr: "" });
    const watching = workspace.spawnHoldfast(["status", "--watch"]);
    await until(() => watching.stdout().includes("\n"));
    expect(JSON.parse(watching.stdout().split("\n")[0] ?? "").problems).toEqual([expect.stringMatching(problem)]);
  });

  it("stands there problem by problem when there are several", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    workspace.write("holdfast.json", '{ "stop": { "kill_aftr": "5s" }, "frob": 1 }');
    const problems = [
      expect.stringMatching(/^holdfast\.json:1:13: stop\.kill_aftr: unknown key.* \(that file is ignored here\)/),
      expect.stringMatching(/^holdfast\.json:1:34: frob: unknown key \(that file is ignored here\)/),
    ];
    expect((await workspace.holdfast(["status", "--json"])).json().problems).toEqual(problems);
    const lines = (await workspace.holdfast(["status"])).stdout.split("\n");
    expect(lines.filter((line) => line.startsWith("⚠"))).toHaveLength(2);
    // Called from elsewhere: only what a process runs for is looked for there.
    const elsewhere = await workspace.holdfast(["list", "--everywhere", "--json"]);
    const here = elsewhere.json().problems.filter((problem: string) => problem.endsWith(workspace.root));
    expect(here).toEqual(problems);
  });
});
