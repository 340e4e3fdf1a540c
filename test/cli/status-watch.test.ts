import { describe, expect, it } from "vitest";
import { schemaProblems } from "../support/output-schema.ts";
import type { Json, RunningProgram } from "../support/program.ts";
import { startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace } from "../support/workspace.ts";

function documentsOf(watching: RunningProgram): Json[] {
  const lines = watching.stdout().split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as unknown);
}

describe("status --watch without a terminal", () => {
  it.each([[[]], [["--json"]]])("gives one document for each change: %j (R3.5)", async (options) => {
    const workspace = openWorkspace();
    const watching = workspace.spawnHoldfast(["status", "--watch", "200ms", ...options]);
    await until(() => documentsOf(watching).length === 1);
    expect(documentsOf(watching)[0]).toMatchObject({ schema_version: 1, ok: true, active: false, session: null });
    const { pid, uid } = await startSession(workspace, agent("sleeper.sh"));
    await until(() => documentsOf(watching).at(-1).session?.state === "active");
    const before = documentsOf(watching).length;
    // A busy process, and output: both are seen by `status`, and neither is a change.
    const client = workspace.spawnHoldfast(["join", "--as", "ci", "--", "sh", "-c", "while :; do :; done"]);
    await until(() => documentsOf(watching).at(-1).session.active_clients === 1);
    const waiting = workspace.spawnHoldfast(["run", "--", "true"]);
    await until(() => documentsOf(watching).at(-1).queue.length === 1);
    waiting.signal("SIGTERM");
    await until(() => documentsOf(watching).at(-1).queue.length === 0);
    client.signal("SIGTERM");
    await until(() => documentsOf(watching).at(-1).session.active_clients === 0);
    const counts = documentsOf(watching)
      .slice(before)
      .map(({ session, queue }) => [session.active_clients, queue.length]);
    expect(counts).toEqual([
      [1, 0],
      [1, 1],
      [1, 0],
      [0, 0],
    ]);
    watching.signal("SIGTERM");
    const ended = await watching.ended;
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    for (const document of ended.jsonLines()) expect(schemaProblems("status", document)).toEqual([]);
    expect(ended.jsonLines().at(-1).session).toMatchObject({ pid, uid });
  });

  it("ends at SIGINT, and when a change finds no reader", async () => {
    const workspace = openWorkspace();
    const interrupted = workspace.spawnHoldfast(["status", "--watch", "200ms"]);
    await until(() => documentsOf(interrupted).length === 1);
    interrupted.signal("SIGINT");
    expect(await interrupted.ended).toMatchObject({ exitCode: 0 });
    const script = `node "$0" status --watch 200ms | { head -n 1; touch read; }`;
    const piped = workspace.spawn(["sh", "-c", script, bin]);
    await until(() => piped.stdout() !== "");
    await startSession(workspace);
    expect((await piped.ended).jsonLines()).toMatchObject([{ active: false }]);
  });

  it.each([
    [["--watch", "--check"], "--check answers once"],
    [["--watch", "100ms"], "at least 200ms"],
    [["--watch", "25d"], "at most 24d"],
    [["--watch", "soon"], "expected a duration"],
  ])("%j is a usage error", async (options, message) => {
    const refused = await openWorkspace().holdfast(["status", ...options]);
    expect(refused).toMatchObject({ exitCode: 64, stdout: "", stderr: expect.stringContaining(message) });
  });
});
