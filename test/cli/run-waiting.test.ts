import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock, waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("run, when the lock is held", () => {
  it.each([["-n"], ["--nonblock"], ["-w", "0"], ["--wait=0"]].map((words) => [words]))(
    "is refused at once with 75 and the holder by %j (R3.1)",
    async (words) => {
      const workspace = openWorkspace();
      const holder = await holdLock(workspace, { id: "first" });
      const refused = await workspace.holdfast(["run", ...words, "touch", "ran"]);
      expect(refused).toMatchObject({ exitCode: 75, stdout: "" });
      expect(refused.stderr).toContain("Session already active: first");
      expect(refused.stderr).toContain(`PID ${holder.agentPid}`);
      expect(refused.stderr).toContain("holdfast join first");
      expect(refused.stderr).not.toContain("waits");
      await holder.letGo();
      expect(readdirSync(workspace.root)).not.toContain("ran");
    },
  );

  it.each([
    ["-w", "0.3", 300],
    ["--wait", "450ms", 450],
  ])("gives up after %s %s with 75, naming the holder", async (option, duration, ms) => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const waited = await workspace.holdfast(["run", option, duration, "touch", "ran"]);
    expect(waited).toMatchObject({ exitCode: 75, stdout: "" });
    expect(waited.stderr).toMatch(/Gave up waiting after 0\.\d+ s: first holds the lock/);
    expect(waited.elapsedMs).toBeGreaterThanOrEqual(ms);
    expect(waited.elapsedMs).toBeLessThan(ms + 4_000);
    expect((await workspace.holdfast(["status", "--json"])).json()).toMatchObject({ queue: [] });
    await holder.letGo();
    expect(readdirSync(workspace.root)).not.toContain("ran");
  });

  it.each([
    ["-n -E 3", 3],
    ["-w 0.1 -E 0", 0],
    ["-n --conflict-exit-code=255", 255],
  ])("exits with -E's number instead of 75: %s", async (words, exitCode) => {
    const workspace = openWorkspace();
    await holdLock(workspace);
    const refused = await workspace.holdfast(["run", ...words.split(" "), "false"]);
    expect(refused).toMatchObject({ exitCode, stdout: "" });
    expect(refused.stderr).toContain("holder");
  });

  it("keeps -E for conflicts: the command's own code stays its own", async () => {
    const workspace = openWorkspace();
    expect((await workspace.holdfast(["run", "-E", "3", "sh", "-c", "exit 75"])).exitCode).toBe(75);
    expect((await workspace.holdfast(["run", "-E", "3", "no-such-command"])).exitCode).toBe(127);
  });

  it("waits by default, says whom for on stderr, and runs when the holder ends (R4.6)", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const waiter = await waitInLine(workspace, ["--id", "second", "sh", "-c", "echo ran; exit 3"]);
    expect(waiter.stderr()).toMatch(
      new RegExp(`^⏳ second waits.* next in line · first holds the lock for .*PID ${holder.agentPid}\\) · sh .*\n$`),
    );
    expect((await workspace.holdfast(["status", "--json"])).json().queue).toMatchObject([
      { position: 1, id: "second", pid: waiter.pid },
    ]);
    expect(waiter.stdout()).toBe("");
    await holder.letGo();
    expect(await waiter.ended).toMatchObject({ exitCode: 3, stdout: "ran\n" });
  });

  it("counts a session's time from when it held the lock, not from when it began to wait (R2.1)", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace);
    const waiter = await waitInLine(workspace, ["--id", "second", "true"]);
    const waitedUntil = new Date().toISOString();
    await holder.letGo();
    await waiter.ended;
    const [claimed, ended] = workspace
      .events()
      .filter(({ session }) => session === "second" && session !== undefined)
      .filter(({ event }) => ["claimed", "ended"].includes(event));
    const began = Date.parse(ended?.["ended_at"]) - 1000 * ended?.["duration_seconds"];
    expect(began).toBeGreaterThanOrEqual(Date.parse(waitedUntil));
    expect(Date.parse(claimed?.["time"])).toBeGreaterThanOrEqual(began);
  });

  it("tells its place as it moves up, in JSON too", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const second = await waitInLine(workspace, ["--id", "second", "true"]);
    const third = await waitInLine(workspace, ["--json", "--id", "third", "true"]);
    second.signal("SIGKILL");
    await until(() => third.stderr().includes('"position":1'), { what: "the third moves up" });
    const told = third
      .stderr()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(told).toMatchObject([
      { event: "waiting", id: "third", position: 2, holder: { id: "first" } },
      { event: "waiting", id: "third", position: 1, holder: { id: "first" } },
    ]);
    await holder.letGo();
    expect(await third.ended).toMatchObject({ exitCode: 0, stdout: "" });
  });

  it("tells when the session that it waits for begins to end", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("ignores-term.sh"));
    const waiter = await waitInLine(workspace, ["--json", "true"]);
    const stopping = workspace.spawnHoldfast(["stop", "--kill-after", "10m"]);
    await until(() => waiter.stderr().includes('"ending":true'));
    const told = waiter.stderr().trimEnd().split("\n");
    expect(told.map((line) => JSON.parse(line).holder.ending)).toEqual([false, true]);
    await workspace.holdfast(["stop", "--kill-after", "0"]);
    expect((await waiter.ended).exitCode).toBe(0);
    expect((await stopping.ended).exitCode).toBe(0);
  });

  it("says nothing while it waits with --quiet", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace);
    const waiter = workspace.spawnHoldfast(["run", "-q", "true"]);
    await until(async () => (await workspace.holdfast(["status", "--json"])).json().queue.length === 1);
    await holder.letGo();
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });

  it("serves those who wait in the order they came (R4.6)", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace);
    const waiters = [];
    for (const name of ["a", "b", "c", "d"]) {
      waiters.push(await waitInLine(workspace, ["--id", name, "sh", "-c", `echo ${name} >>order`]));
    }
    expect(waiters.at(-1)?.stderr()).toContain("3 ahead in line");
    await holder.letGo();
    for (const waiter of waiters) expect(await waiter.ended).toMatchObject({ exitCode: 0 });
    expect(workspace.read("order")).toBe("a\nb\nc\nd\n");
    expect(workspace.events("claimed").map(({ token }) => token)).toEqual([1, 2, 3, 4, 5]);
  });

  it("does not let -n pass somebody who waits already", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace);
    const waiter = await waitInLine(workspace, ["--id", "patient", "true"]);
    // Held still, it keeps its place but cannot take the lock when that becomes free.
    waiter.signal("SIGSTOP");
    await holder.letGo();
    const pushed = await workspace.holdfast(["run", "-n", "--json", "touch", "ran"]);
    expect(pushed.exitCode).toBe(75);
    expect(pushed.json().error).toMatchObject({ code: "BUSY", retryable: true });
    expect(pushed.json().error.message).toContain("patient");
    waiter.signal("SIGCONT");
    expect((await waiter.ended).exitCode).toBe(0);
    expect(readdirSync(workspace.root)).not.toContain("ran");
  });

  it("is woken when the holder and all that is of it are killed, and closes what they left open (R2.1, R4.6)", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const waiter = await waitInLine(workspace, ["sh", "-c", "echo ran"]);
    holder.run.signal("SIGKILL");
    process.kill(holder.agentPid, "SIGKILL");
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(workspace.events("ended")).toMatchObject([
      { session: "first", reason: "lost" },
      { reason: "exited", exit_code: 0 },
    ]);
  });

  it("does not run beside what a killed holder left: that is ended first (R3.2, R4.3)", async () => {
    const workspace = openWorkspace();
    const holder = workspace.spawnHoldfast(["run", "--id", "first", ...agent("daemon.mjs")]);
    const [agentPid, daemonPid] = [await workspace.announced("agent"), await workspace.announced("daemon")];
    const waiter = await waitInLine(workspace, ["echo", "ran"]);
    holder.signal("SIGKILL");
    process.kill(agentPid, "SIGKILL");
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(isAlive(daemonPid)).toBe(false);
    expect(workspace.events("process_ended")).toMatchObject([{ session: "first", pid: daemonPid }]);
  });

  // With a lease it exited with 0 in place of dying: a job that was cancelled looked like one that had succeeded.
  it.each(
    pulsesHere.flatMap((pulse) =>
      (["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const).map((signal) => ({ pulse, signal })),
    ),
  )("leaves the line at once when $signal ends it, and dies of that ($pulse pulse)", async ({ pulse, signal }) => {
    const workspace = openWorkspace();
    workspace.configure({ pulse });
    const holder = await holdLock(workspace);
    const waiter = await waitInLine(workspace, ["--id", "second", "touch", "ran"]);
    waiter.signal(signal);
    expect(await waiter.ended).toMatchObject({ signal, stdout: "" });
    expect((await workspace.holdfast(["status", "--json"])).json()).toMatchObject({ active: true, queue: [] });
    await holder.letGo();
    expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(0);
    expect(readdirSync(workspace.root)).not.toContain("ran");
    const told = workspace.events().filter(({ session }) => session === "second");
    expect(told.map(({ event }) => event)).toEqual(signal === "SIGKILL" ? ["queued"] : ["queued", "unqueued"]);
  });

  it("keeps locks of different names apart", async () => {
    const workspace = openWorkspace();
    await holdLock(workspace);
    expect(await workspace.holdfast(["-l", "other", "run", "-n", "echo", "ran"])).toMatchObject({
      exitCode: 0,
      stdout: "ran\n",
    });
    const claims = readdirSync(join(workspace.state, "claims")).filter((name) => !name.startsWith(".lease-"));
    expect(claims.toSorted()).toEqual(["other.1", "session.1"]);
  });
});
