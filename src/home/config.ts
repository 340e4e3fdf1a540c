import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { ConfigSource } from "./config-parse.ts";
import type { ConfigFile } from "./config-schema.ts";
import type { Home } from "./locate.ts";
import { escapeControl } from "./names.ts";
import { pulseChoices, type HookName, type PulseSetting } from "./setting-names.ts";
import { readSmallFile } from "./small-file.ts";

/** The configuration with every default filled in. Durations in milliseconds, sizes in bytes; null: not set, or no limit. */
export interface Config {
  /** The file it was read from; null when there is none. */
  readonly path: string | null;
  readonly agent: {
    readonly command: readonly string[] | null;
    readonly kind: "foreground" | "launcher";
    readonly stopCommand: readonly string[] | null;
    /** A regular expression for the command lines of agent processes. */
    readonly match: string | null;
    /** As written: relative to the root. */
    readonly pidFile: string | null;
  };
  /** A regular expression for each kind of operation. */
  readonly operations: Readonly<Record<string, string>>;
  readonly stop: { readonly signal: NodeJS.Signals; readonly killAfterMs: number };
  readonly limits: {
    readonly maxTimeMs: number | null;
    readonly idleMs: number | null;
    readonly maxOutputBytes: number | null;
    readonly reapOrphans: boolean;
  };
  readonly retention: { readonly listedMs: number; readonly outputMs: number; readonly keep: number };
  /** A shell command for each event. */
  readonly hooks: Readonly<Partial<Record<HookName, string>>>;
  readonly pulse: PulseSetting;
}

export const defaultConfig: Config = {
  path: null,
  agent: { command: null, kind: "foreground", stopCommand: null, match: null, pidFile: null },
  operations: {},
  stop: { signal: "SIGTERM", killAfterMs: 10_000 },
  limits: { maxTimeMs: null, idleMs: null, maxOutputBytes: 100_000_000, reapOrphans: false },
  retention: { listedMs: 3_600_000, outputMs: 7 * 86_400_000, keep: 50 },
  hooks: {},
  pulse: "auto",
};

export const configFileName = "holdfast.json";

/**
 * Reads `holdfast.json` (JSON with comments and trailing commas) at the project's root, else the `holdfast` key of its
 * package.json, else takes the defaults. HOLDFAST_PULSE overrides `pulse`. The parser is loaded only when there is
 * something to parse.
 * @throws Failure `CONFIG` naming file, line, column and key of the first problem, with all of them in `facts.problems`;
 *   `USAGE` for an unknown HOLDFAST_PULSE
 */
export async function loadConfig(home: Home, env: NodeJS.ProcessEnv = process.env): Promise<Config> {
  const config = await readConfig(home);
  const pulse = env["HOLDFAST_PULSE"];
  return pulse ? { ...config, pulse: parsePulse(pulse) } : config;
}

async function readConfig(home: Home): Promise<Config> {
  const source = findConfig(home);
  return source === null ? defaultConfig : parse(source);
}

/**
 * Where the configuration of a project is, unparsed; null when it has none.
 * @throws Failure `CONFIG`, `IO` when the file cannot be read
 */
export function findConfig(home: Home): ConfigSource | null {
  const path = join(home.root, configFileName);
  const text = readIfExists(path);
  if (text !== null) return { text, path, name: configFileName, key: null };
  const manifestPath = join(home.root, "package.json");
  const manifest = readIfExists(manifestPath);
  if (manifest === null || !mayHaveKey(manifest)) return null;
  return { text: manifest, path: manifestPath, name: "package.json", key: "holdfast" };
}

async function parse(source: ConfigSource): Promise<Config> {
  const { parseConfig } = await import("./config-parse.ts");
  const file = parseConfig(source);
  return file === null ? defaultConfig : fill(file, source.path);
}

function fill(file: ConfigFile, path: string): Config {
  const { agent = {}, stop = {}, limits = {}, retention = {} } = file;
  const defaults = defaultConfig;
  return {
    path,
    agent: overlay(defaults.agent, {
      command: agent.command,
      kind: agent.kind,
      stopCommand: agent.stop_command,
      match: agent.match,
      pidFile: agent.pid_file,
    }),
    operations: file.operations ?? defaults.operations,
    stop: overlay(defaults.stop, { signal: stop.signal, killAfterMs: stop.kill_after }),
    limits: overlay(defaults.limits, {
      maxTimeMs: limits.max_time,
      idleMs: limits.idle,
      maxOutputBytes: limits.max_output,
      reapOrphans: limits.reap_orphans,
    }),
    retention: overlay(defaults.retention, {
      listedMs: retention.listed,
      outputMs: retention.output,
      keep: retention.keep,
    }),
    hooks: { ...defaults.hooks, ...file.hooks },
    pulse: file.pulse ?? defaults.pulse,
  };
}

/** What is given, over the defaults; null is given, undefined is not. */
function overlay<Values extends object>(
  defaults: Values,
  given: { readonly [Key in keyof Values]: Values[Key] | undefined },
): Values {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(set) };
}

/**
 * Whether it is worth, and safe, to look closer: most package.json files do not mention holdfast, and those that do
 * mostly as a dependency or as the package's own name. One that mentions it as a key but is not JSON is looked at, so
 * that its error is reported.
 */
function mayHaveKey(manifest: string): boolean {
  if (!/"holdfast"\s*:/.test(manifest)) return false;
  try {
    const content: unknown = JSON.parse(manifest);
    return typeof content === "object" && content !== null && Object.hasOwn(content, "holdfast");
  } catch {
    return true;
  }
}

/** Much more than anybody has written; a package.json of generated code is larger than one expects. */
const mostBytes = 16 * 1024 * 1024;

function readIfExists(path: string): string | null {
  return readSmallFile({ path, what: "the configuration", mostBytes, code: "CONFIG" });
}

function parsePulse(text: string): PulseSetting {
  const pulse = pulseChoices.find((choice) => choice === text);
  if (pulse !== undefined) return pulse;
  throw new Failure("USAGE", `HOLDFAST_PULSE: expected ${pulseChoices.join(", ")}, got "${escapeControl(text)}"`);
}
