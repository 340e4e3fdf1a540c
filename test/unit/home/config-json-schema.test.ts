import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { defaultConfig } from "../../../src/home/config.ts";
import { parseConfig } from "../../../src/home/config-parse.ts";
import { sections, topLevelKeys } from "../../../src/home/config-schema.ts";

interface PublishedSchema {
  readonly properties: Readonly<Record<string, { properties?: Record<string, { default?: unknown }> }>>;
}

const path = join(import.meta.dirname, "../../../schema/holdfast.schema.json");
const published = JSON.parse(readFileSync(path, "utf8")) as PublishedSchema;
const ajv = new Ajv({ strictTuples: false, keywords: ["allowComments", "allowTrailingCommas"] });
formats.default(ajv);
const acceptedByPublished = ajv.compile(published);

function acceptedByParser(sample: unknown): boolean {
  const text = JSON.stringify(sample);
  try {
    return parseConfig({ text, path, name: "holdfast.json", key: null }) !== null;
  } catch {
    return false;
  }
}

const good: readonly unknown[] = [
  {},
  { $schema: "./schema.json", pulse: "kernel" },
  { agent: {}, operations: {}, stop: {}, limits: {}, retention: {}, hooks: {} },
  {
    agent: { command: ["node", "engine.js", ""], kind: "foreground", stop_command: null, match: null, pid_file: null },
  },
  { agent: { command: null, kind: "launcher", stop_command: ["x"], match: "engine\\.js", pid_file: "run/agent.pid" } },
  { operations: { backtest: "backtest", "größe x": "optimi[sz]e" } },
  ...["TERM", "SIGTERM", "INT", "SIGUSR1", 15, 9].map((signal) => ({ stop: { signal } })),
  ...["10s", "500ms", "1.5h", ".5m", "0", "2 d", "10", 0, 10, 0.5].map((duration) => ({
    stop: { kill_after: duration },
  })),
  ...["2h", "0.5s", 1, null].map((limit) => ({ limits: { max_time: limit, idle: limit } })),
  ...["100MB", "64KiB", "1g", "512", "7 B", 512, null].map((size) => ({ limits: { max_output: size } })),
  { limits: { reap_orphans: true } },
  { retention: { listed: 0, output: "7d", keep: 0 } },
  { hooks: { started: "a", ready: "b", ended: "c", orphaned: "d", queued: "e" } },
];

const bad: readonly unknown[] = [
  null,
  [],
  "x",
  { agnet: {} },
  { $schema: 1 },
  { pulse: "fast" },
  { pulse: null },
  { agent: [] },
  { agent: { comand: ["x"] } },
  ...["node x", [], [""], [1], ["x", null], ["a\0b"]].map((command) => ({ agent: { command } })),
  ...["daemon", null, ""].map((kind) => ({ agent: { kind } })),
  ...["(", "", 1].map((match) => ({ agent: { match } })),
  ...["", 1].map((pidFile) => ({ agent: { pid_file: pidFile } })),
  { operations: [] },
  { operations: { backtest: "[" } },
  { operations: { backtest: null } },
  { operations: { "": "x" } },
  { operations: { "a\nb": "x" } },
  { operations: Object.fromEntries([["__proto__", "x"]]) },
  ...["FOO", "", "SIGSIGTERM", 0, -1, 1.5, 99, null].map((signal) => ({ stop: { signal } })),
  ...["soon", "", "-1s", "5M", "1w", " 5s", -1, null, true, 1e12].map((duration) => ({
    stop: { kill_after: duration },
  })),
  ...["0", "0s", 0, "x"].map((limit) => ({ limits: { max_time: limit } })),
  ...["0", 0, -1, "10s", "1e9"].map((size) => ({ limits: { max_output: size } })),
  ...["yes", 1, null].map((reap) => ({ limits: { reap_orphans: reap } })),
  ...[-1, 1.5, "50", 100_001, null].map((keep) => ({ retention: { keep } })),
  ...[{ finished: "x" }, { ended: "" }, { ended: ["x"] }, []].map((hooks) => ({ hooks })),
];

describe("schema/holdfast.schema.json", () => {
  it.each(good)("accepts, as holdfast does: %j", (sample) => {
    expect([acceptedByPublished(sample), acceptedByParser(sample)]).toEqual([true, true]);
  });

  it.each(bad)("refuses, as holdfast does: %j", (sample) => {
    expect([acceptedByPublished(sample), acceptedByParser(sample)]).toEqual([false, false]);
  });

  it("knows the same keys", () => {
    expect(Object.keys(published.properties)).toEqual(topLevelKeys);
    const keys = Object.keys(sections).map((name) => [name, Object.keys(published.properties[name]?.properties ?? {})]);
    expect(keys).toEqual(Object.entries(sections).map(([name, entries]) => [name, Object.keys(entries)]));
  });

  it("names the defaults that holdfast takes", () => {
    const written = Object.entries(published.properties).flatMap(([section, { properties = {} }]) =>
      Object.entries(properties).flatMap(([key, value]) => ("default" in value ? [[section, key, value.default]] : [])),
    );
    const sample: Record<string, Record<string, unknown>> = {};
    for (const [section, key, value] of written) (sample[String(section)] ??= {})[String(key)] = value;
    const { agent, stop, limits, retention } = defaultConfig;
    expect(parseConfig({ text: JSON.stringify(sample), path, name: "holdfast.json", key: null })).toEqual({
      agent: {
        command: agent.command,
        kind: agent.kind,
        stop_command: agent.stopCommand,
        match: agent.match,
        pid_file: agent.pidFile,
      },
      stop: { signal: stop.signal, kill_after: stop.killAfterMs },
      limits: {
        max_time: limits.maxTimeMs,
        idle: limits.idleMs,
        max_output: limits.maxOutputBytes,
        reap_orphans: limits.reapOrphans,
      },
      retention: { listed: retention.listedMs, output: retention.outputMs, keep: retention.keep },
    });
  });
});
