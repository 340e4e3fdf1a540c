import { mkdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { expectFree } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { openWorkspace } from "../support/workspace.ts";

/** An agent that says it is ready when the file appears, and a shell command that makes it appear. */
const becomesReady = ["sh", "-c", "until [ -e go ]; do sleep 0.02; done; echo all set; exec sleep 300"];

/** The addresses of this machine that only it can reach. */
const loopback = Object.values(networkInterfaces()).flatMap((all = []) =>
  all.filter(({ address }) => address === "127.0.0.1" || address === "::1").map(({ address }) => address),
);

describe("start until the agent is ready", () => {
  it("returns when the output shows it, and not before; wait --until ready too", async () => {
    const workspace = openWorkspace();
    const starting = workspace.spawnHoldfast([
      "start",
      "demo",
      "--json",
      "--ready-output",
      "^all s.t$",
      "--",
      ...becomesReady,
    ]);
    await expect.poll(() => workspace.events("started").length).toBe(1);
    const early = await workspace.holdfast(["status", "--json"]);
    expect(early.json().session.state).toBe("starting");
    const waiting = workspace.spawnHoldfast(["wait", "demo", "--until", "ready", "--json"]);
    expect((await workspace.holdfast(["wait", "demo", "--until", "ready", "--timeout", "0.2"])).exitCode).toBe(75);
    workspace.write("go", "");
    const started = await starting.ended;
    expect(started.exitCode).toBe(0);
    expect((await waiting.ended).exitCode).toBe(0);
    expect(workspace.events().map(({ event }) => event)).toEqual(["claimed", "started", "ready"]);
    expect((await workspace.holdfast(["status", "--json"])).json().session.state).toBe("active");
  });

  it("wait --until output=REGEX answers when the output shows it, and fails when the session ends without", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["start", "demo", "--", ...becomesReady]);
    const waiting = workspace.spawnHoldfast(["wait", "demo", "--until", "output=^all s.t$", "--json"]);
    const early = await workspace.holdfast(["wait", "demo", "--until", "output=^all s.t$", "--timeout", "0.2"]);
    expect(early.exitCode).toBe(75);
    const never = workspace.spawnHoldfast(["wait", "demo", "--until", "output=never", "--json"]);
    workspace.write("go", "");
    expect((await waiting.ended).exitCode).toBe(0);
    await workspace.holdfast(["stop", "demo"]);
    expect((await never.ended).json()).toMatchObject({ ok: false, error: { code: "NO_SESSION" } });
    expect((await workspace.holdfast(["wait", "demo", "--until", "nonsense"])).exitCode).toBe(64);
  });

  it("asks a command until it succeeds", async () => {
    const workspace = openWorkspace();
    const agent = ["sh", "-c", "sleep 0.3; touch up; exec sleep 300"];
    const started = await workspace.holdfast(["start", "demo", "--ready-command", "test -e up", "--", ...agent]);
    expect(started.exitCode).toBe(0);
    expect(workspace.events("ready")).toHaveLength(1);
  });

  it.each(loopback)("knocks at a port of %s until it is open", async (address) => {
    const workspace = openWorkspace();
    const port = await freePort();
    const server = `setTimeout(() => require("node:http").createServer().listen(${port}, "${address}"), 200)`;
    const started = await workspace.holdfast([
      "start",
      "demo",
      "--ready-port",
      String(port),
      "--",
      process.execPath,
      "-e",
      server,
    ]);
    expect(started.exitCode).toBe(0);
    expect(workspace.events("ready")).toHaveLength(1);
    await workspace.holdfast(["stop"]);
    await expectFree(workspace);
  });

  it("ends a command that hangs with the session, when that is stopped before (R1.1)", async () => {
    const workspace = openWorkspace();
    const starting = workspace.spawnHoldfast(["start", "--ready-command", "exec sleep 304", "--", "sleep", "300"]);
    await until(() => workspace.agents().some(({ command }) => command === "sleep 304"));
    await workspace.holdfast(["stop"]);
    expect((await starting.ended).stderr).toContain("The session was ended before the agent was ready");
    await expectFree(workspace);
  });

  it("ends what such a command has started with it, also with --close", async () => {
    const workspace = openWorkspace();
    const options = ["--close", "--ready-command", "sleep 305; true", "--ready-timeout", "0.6"];
    const failed = await workspace.holdfast(["start", "--json", ...options, "--", "sleep", "300"]);
    expect(failed.json().error.message).toContain("the command did not succeed: sleep 305; true");
    await until(() => workspace.agents().length === 0);
  });

  it("is not held up by a port that keeps whoever knocks waiting", async () => {
    const workspace = openWorkspace();
    // It accepts nobody, and there is no room left for more to wait.
    const full = `const { connect, createServer } = require("node:net");
      const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
        const { port } = server.address();
        for (let i = 0; i < 8; i += 1) connect(port, "127.0.0.1");
        process.nextTick(() => {
          require("node:fs").writeFileSync("port", String(port));
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        });
      });`;
    await workspace.holdfast(["start", "--lock", "other", "--", process.execPath, "-e", full]);
    const port = await until(() => workspace.read("port") || null);
    const options = ["--ready-port", port, "--ready-timeout", "0.6"];
    const failed = await workspace.holdfast(["start", "--json", ...options, "--", "sleep", "300"]);
    expect(failed.json().error.message).toContain(`nothing listened on port ${port}`);
    // The kernel would go on knocking for two minutes.
    expect(Number(workspace.events("ended")[0]?.["duration_seconds"])).toBeLessThan(30);
    await workspace.holdfast(["stop", "--lock", "other"]);
    await expectFree(workspace);
  });

  it.each([
    ["gone", "rmdir ../work; false"],
    ["a file", "rmdir ../work; touch ../work; false"],
  ])(
    "ends an agent whose readiness command cannot be run, its directory being %s, and says why",
    async (_, command) => {
      const workspace = openWorkspace();
      const cwd = join(workspace.root, "work");
      mkdirSync(cwd);
      // The first time it can be.
      const options = ["--ready-command", command];
      const failed = await workspace.holdfast(["start", "--json", ...options, "--", "sleep", "300"], { cwd });
      expect(failed.json().error).toMatchObject({
        code: "START_FAILED",
        message: expect.stringContaining("The readiness command cannot be run: "),
      });
      await expectFree(workspace);
    },
  );

  it("ends an agent that is not ready in time, and shows its last lines", async () => {
    const workspace = openWorkspace();
    const agent = ["sh", "-c", "echo loading; exec sleep 300"];
    const options = ["--ready-output", "never", "--ready-timeout", "0.4"];
    const failed = await workspace.holdfast(["start", "demo", "--json", ...options, "--", ...agent]);
    expect(failed.exitCode).toBe(1);
    expect(failed.json().error).toMatchObject({
      code: "START_FAILED",
      message: "The agent was not ready within 0.4 s and was ended\nits output did not show /never/",
      next: ["holdfast logs"],
      output: "loading\n",
    });
    expect(workspace.events("ended")).toMatchObject([{ reason: "start_failed" }]);
    await expectFree(workspace);
  });

  it("names all that was missing, and nothing that was there", async () => {
    const workspace = openWorkspace();
    const probes = [
      "--ready-output",
      "loading",
      "--ready-port",
      String(await freePort()),
      "--ready-command",
      "test -e up",
    ];
    const options = [...probes, "--ready-timeout", "1"];
    const failed = await workspace.holdfast([
      "start",
      "--json",
      ...options,
      "--",
      "sh",
      "-c",
      "echo loading; sleep 300",
    ]);
    expect(failed.json().error.message.split("\n").slice(1)).toEqual([
      expect.stringMatching(/^nothing listened on port \d+$/),
      "the command did not succeed: test -e up",
    ]);
    await expectFree(workspace);
  });

  it("fails when the agent ends before, and when the session is stopped before", async () => {
    const workspace = openWorkspace();
    const dies = ["sh", "-c", "sleep 0.3; exit 4"];
    const failed = await workspace.holdfast(["start", "demo", "--json", "--ready-output", "never", "--", ...dies]);
    expect(failed.json().error).toMatchObject({
      code: "START_FAILED",
      message: "The agent ended before it was ready (exit code 4)",
      exit_code: 4,
      signal: null,
    });
    const starting = workspace.spawnHoldfast(["start", "demo", "--ready-output", "never", "--", "sleep", "300"]);
    await expect.poll(() => workspace.events("started").length).toBe(2);
    const stopped = await workspace.holdfast(["stop", "demo", "--json"]);
    expect(stopped.exitCode).toBe(0);
    expect((await starting.ended).exitCode).toBe(1);
    expect(workspace.events("ended").at(-1)).toMatchObject({ reason: "stopped" });
    await expectFree(workspace);
  });

  it.each([
    [["--ready-output", "("], "--ready-output"],
    [["--ready-port", "0"], "--ready-port"],
    [["--ready-timeout", "5s"], "--ready-timeout"],
  ])("refuses %j", async (options, named) => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["start", "demo", "--json", ...options, "--", "true"]);
    expect(refused.exitCode).toBe(64);
    expect(refused.json().error.message).toContain(named);
  });
});
