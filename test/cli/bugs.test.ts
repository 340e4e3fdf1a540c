import { join } from "node:path";
import { expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { endOf, expectFree, startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const preload = join(import.meta.dirname, "../fixtures/preloads/spawn-is-broken.cjs");

/** A bug in the process that runs this script, from the so-and-so-manyth program on that it spawns. */
function bugIn(script: string, from: number): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--require=${preload}`, BROKEN_IN: script, BROKEN_FROM: String(from) };
}

it("a bug in a keeper fails its start: INTERNAL, nothing is left, and its log has where it was (R2.1)", async () => {
  const workspace = openWorkspace();
  const env = bugIn("keeper.js", 1);
  const failed = await workspace.holdfast(["start", "demo", "--json", "--", ...agent("sleeper.sh")], { env });
  expect(failed.exitCode).toBe(70);
  expect(failed.json().error).toMatchObject({ code: "INTERNAL", message: "The keeper failed: a bug for a test" });
  await expectFree(workspace);
  const [uid = ""] = workspace.sessionDirectories();
  expect(endOf(workspace, uid)).toMatchObject({ session: "demo", reason: "start_failed" });
  expect(workspace.read(`.holdfast/sessions/${uid}/keeper.log`)).toMatch(/^TypeError: a bug for a test\n +at /);
});

it("a bug in a keeper that starts its agent again is the keeper's end: the session is lost, and the next starts", async () => {
  const workspace = openWorkspace();
  const env = bugIn("keeper.js", 2);
  const options = ["--restart", "always"];
  const { uid } = await startSession(workspace, agent("exits-again.sh", "fifo"), { options, env });
  await tell(join(workspace.root, "fifo"), "3");
  await until(() => workspace.keepers().length === 0);
  expect(workspace.read(`.holdfast/sessions/${uid}/keeper.log`)).toContain("TypeError: a bug for a test\n");
  expect(workspace.agents()).toEqual([]);
  expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(0);
  expect(endOf(workspace, uid)).toMatchObject({ reason: "lost" });
});

it("a bug in run is told as one, and the lock is free again (R2.1)", async () => {
  const workspace = openWorkspace();
  const failed = await workspace.holdfast(["run", "--id", "demo", "--json", "true"], { env: bugIn("holdfast.js", 1) });
  expect(failed.exitCode).toBe(70);
  expect(failed.json().error).toMatchObject({ code: "INTERNAL", message: expect.stringContaining("a bug for a test") });
  await expectFree(workspace);
  expect(workspace.events("ended")).toMatchObject([{ session: "demo", reason: "start_failed" }]);
});
