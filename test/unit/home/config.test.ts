import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { defaultConfig, loadConfig, type Config } from "../../../src/home/config.ts";
import { homeAt, type Home } from "../../../src/home/locate.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function projectWith(files: Readonly<Record<string, string>>): Home {
  const root = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  return homeAt(root, join(root, ".holdfast"));
}

function load(files: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}): Promise<Config> {
  return loadConfig(projectWith(files), env);
}

describe("loadConfig", () => {
  it("takes the defaults when there is no file, without loading a parser", async () => {
    const imported = vi.fn();
    vi.doMock("../../../src/home/config-parse.ts", () => {
      imported();
      return {};
    });
    expect(await load({})).toEqual(defaultConfig);
    expect(await load({ "package.json": `{"name": "holdfast", "devDependencies": {"holdfast": "1"}}` })).toBe(
      defaultConfig,
    );
    expect(imported).not.toHaveBeenCalled();
    vi.doUnmock("../../../src/home/config-parse.ts");
  });

  it("never ends a session by itself unless it is told to", () => {
    expect(defaultConfig.limits).toMatchObject({ maxTimeMs: null, idleMs: null, reapOrphans: false });
    expect(defaultConfig.retention).toEqual({ listedMs: 3_600_000, outputMs: 604_800_000, keep: 50 });
    expect(defaultConfig.stop).toEqual({ signal: "SIGTERM", killAfterMs: 10_000 });
  });

  it("reads every key, with comments and trailing commas (R3.5, R3.8, R4.8)", async () => {
    const home = projectWith({
      "holdfast.json": `\ufeff{
        "$schema": "./node_modules/holdfast/schema/holdfast.schema.json",
        // how the agent is started
        "agent": {
          "command": ["./manage_background_agent.sh", "start"], "kind": "launcher",
          "stop_command": ["./manage_background_agent.sh", "stop"],
          "match": "engine\\\\.js", "pid_file": "background_agent.pid",
        },
        "operations": { "backtest": "backtest", "optimisation": "optimi[sz]e" },
        "stop": { "signal": "INT", "kill_after": 2.5 },
        "limits": { "max_time": "2h", "idle": null, "max_output": "64KiB", "reap_orphans": true },
        "retention": { "listed": "30m", "output": "1d", "keep": 3 },
        "hooks": { "ended": "echo ended" },
        "pulse": "lease", /* a network disk */
      }`,
    });
    expect(await loadConfig(home, {})).toEqual({
      path: join(home.root, "holdfast.json"),
      agent: {
        command: ["./manage_background_agent.sh", "start"],
        kind: "launcher",
        stopCommand: ["./manage_background_agent.sh", "stop"],
        match: String.raw`engine\.js`,
        pidFile: "background_agent.pid",
      },
      operations: { backtest: "backtest", optimisation: "optimi[sz]e" },
      stop: { signal: "SIGINT", killAfterMs: 2500 },
      limits: { maxTimeMs: 7_200_000, idleMs: null, maxOutputBytes: 65_536, reapOrphans: true },
      retention: { listedMs: 1_800_000, outputMs: 86_400_000, keep: 3 },
      hooks: { ended: "echo ended" },
      pulse: "lease",
    });
  });

  it("tells a limit that is switched off from one that is not mentioned", async () => {
    const { limits } = await load({ "holdfast.json": `{"limits": {"max_output": null}}` });
    expect(limits.maxOutputBytes).toBeNull();
    expect((await load({ "holdfast.json": `{"limits": {}}` })).limits.maxOutputBytes).toBe(100_000_000);
  });

  it("reads the holdfast key of package.json, unless there is a holdfast.json", async () => {
    const manifest = `{"name": "engine", "holdfast": {"pulse": "lease"}}`;
    const home = projectWith({ "package.json": manifest });
    expect(await loadConfig(home, {})).toMatchObject({ path: join(home.root, "package.json"), pulse: "lease" });
    expect((await load({ "package.json": manifest, "holdfast.json": "{}" })).pulse).toBe("auto");
  });

  it.each([
    `{"name": "holdfast"}`,
    `{"dependencies": {"holdfast": "^1.0.0"}}`,
    `{"scripts": {"x": "holdfast run x"}, broken`,
    `{"name": "holdfast", broken`,
    "",
    "[]",
  ])("leaves alone a package.json that does not configure holdfast: %s", async (manifest) => {
    expect(await load({ "package.json": manifest })).toBe(defaultConfig);
  });

  it("does not leave alone one that may, but is broken", async () => {
    const failure = await rejectionOf(load({ "package.json": `{\n  "holdfast": {"pulse": "lease"},\n  broken\n}` }));
    expect(failure.code).toBe("CONFIG");
    expect(failure.message).toMatch(/^package\.json:3:3: not valid JSON: /);
  });

  it("names the key in package.json from its top", async () => {
    const failure = await rejectionOf(load({ "package.json": `{"holdfast": {"stop": {"kill_after": "soon"}}}` }));
    expect(failure.message).toContain('package.json:1:38: holdfast.stop.kill_after: expected a duration such as "10s"');
  });

  it("lets HOLDFAST_PULSE decide, and refuses one it does not know", async () => {
    expect((await load({}, { HOLDFAST_PULSE: "kernel" })).pulse).toBe("kernel");
    expect((await load({ "holdfast.json": `{"pulse":"lease"}` }, { HOLDFAST_PULSE: "auto" })).pulse).toBe("auto");
    expect((await load({}, { HOLDFAST_PULSE: "" })).pulse).toBe("auto");
    expect((await rejectionOf(load({}, { HOLDFAST_PULSE: "fast" }))).code).toBe("USAGE");
  });
});
