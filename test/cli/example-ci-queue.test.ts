import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { pulsesHere } from "../support/pulses-here.ts";
import { expectFree } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { bin, openWorkspace, type LoggedEvent, type Workspace } from "../support/workspace.ts";

const script = join(import.meta.dirname, "../../examples/ci-queue/ci.sh");

/** What the log tells, in its order, of the jobs' turns: "build claimed", "build started", … */
function storyOf(events: readonly LoggedEvent[]): string[] {
  return events
    .filter(({ event }) => ["claimed", "started", "ended"].includes(event))
    .map(({ session, event, reason }) => [session, event, ...(event === "ended" ? [reason] : [])].join(" "));
}

/** A directory of the workspace in which the script makes its own. */
function temporaryOf(workspace: Workspace): string {
  const directory = join(workspace.root, "tmp");
  mkdirSync(directory);
  return directory;
}

describe("the example of CI jobs that queue", () => {
  it("has them take turns in order, without the one that was cancelled and after the one that crashed (R2.3, R4.6)", async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_DIR: workspace.root, TMPDIR: temporaryOf(workspace) };
    const ci = await workspace.spawn(["sh", script], { env, input: "" }).ended;
    expect(ci).toMatchObject({ exitCode: 0, stderr: "" });
    expect(storyOf(workspace.events())).toEqual([
      "build claimed",
      "build started",
      "build ended exited",
      "test claimed",
      "test started",
      "test ended lost",
      "deploy claimed",
      "deploy started",
      "deploy ended exited",
    ]);
    const claimed = workspace.events("claimed").map(({ session, token }) => [session, token]);
    expect(claimed).toEqual([
      ["build", 1],
      ["test", 2],
      ["deploy", 3],
    ]);
    const waited = workspace.events("queued").map(({ session, position }) => [session, position]);
    expect(waited).toEqual([
      ["test", 1],
      ["preview", 2],
      ["deploy", 3],
    ]);
    expect(workspace.events("unqueued")).toMatchObject([{ session: "preview", reason: "terminated" }]);
    const codes = [...ci.stdout.matchAll(/^== (\w+): exit code (\d+)$/gm)].map(([, name, code]) => [
      name,
      Number(code),
    ]);
    expect(codes).toEqual([
      ["preview", 143],
      ["build", 0],
      ["test", 137],
      ["deploy", 0],
    ]);
    expect(ci.stdout).not.toMatch(/^never printed$/m);
    // What `holdfast logs` says at the end.
    const told = ci.stdout.slice(ci.stdout.indexOf("== what happened"));
    expect(told).toMatch(/build {2}lock taken(.|\n)*test {2}lost(.|\n)*deploy {2}ended by itself/);
    expect(readdirSync(env.TMPDIR)).toEqual([]);
    await expectFree(workspace);
  });

  it.each(pulsesHere)(
    "shows in each job's log whom it waits for, whenever that changes (R4.6; %s pulse)",
    async (pulse) => {
      const workspace = openWorkspace();
      const env = { TMPDIR: temporaryOf(workspace), HOLDFAST_PULSE: pulse };
      const { stdout } = await workspace.spawn(["sh", script], { env }).ended;
      const waits = stdout.split("\n").filter((line) => line.startsWith("⏳"));
      expect(waits.map((line) => line.replace(/ holds the lock for .*$/, ""))).toEqual([
        "⏳ preview waits · 1 ahead in line · build",
        "⏳ test waits · next in line · build",
        "⏳ deploy waits · 2 ahead in line · build",
        "⏳ deploy waits · 1 ahead in line · build",
        "⏳ deploy waits · next in line · test",
      ]);
    },
  );

  it("runs with a holdfast that is installed, and leaves nothing behind", async () => {
    const workspace = openWorkspace();
    const programs = join(workspace.root, "bin");
    mkdirSync(programs);
    symlinkSync(bin, join(programs, "holdfast"));
    const path = `${programs}:${dirname(process.execPath)}:${process.env["PATH"]}`;
    const env = { HOLDFAST: "holdfast", PATH: path, TMPDIR: temporaryOf(workspace) };
    const ci = await workspace.spawn(["sh", script], { env, input: "" }).ended;
    expect(ci).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ci.stdout).toContain("== deploy: exit code 0");
    expect(readdirSync(env.TMPDIR)).toEqual([]);
    await workspace.untilEmpty();
  });

  it("leaves nothing behind when it is ended in the middle", async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_DIR: workspace.root, TMPDIR: temporaryOf(workspace) };
    const ci = workspace.spawn(["sh", script], { env, input: "" });
    await until(() => workspace.events("started").length === 1, { everyMs: 0, what: "build runs" });
    ci.signal("SIGTERM");
    expect(await ci.ended).toMatchObject({ exitCode: 143 });
    expect(readdirSync(env.TMPDIR)).toEqual([]);
    await expectFree(workspace);
  });
});
