import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { machine, release, type } from "node:os";
import { dirname, join } from "node:path";
import { Failure, failureFromErrno, type NextStep } from "../failure.ts";
import { defaultConfig, loadConfig, type Config } from "../home/config.ts";
import type { Home } from "../home/locate.ts";
import { shellWord } from "../home/shell-word.ts";
import { checkState } from "../home/state-directory.ts";
import { fileSystemKindOf } from "../lock/file-system-kind.ts";
import { nativeLocks, nativeVersion } from "../lock/native.ts";
import { openPulses } from "../lock/pulses.ts";
import { isProcfsOurs, lookAtProcess } from "../process/look-at-process.ts";
import { openProcessTable } from "../process/table.ts";
import { check, type Check, type Finding } from "./doctor-check.ts";
import { tryLock } from "./doctor-lock.ts";
import { lookAtSessions } from "./doctor-sessions.ts";

export interface DoctorRequest {
  readonly home: Home;
  /** Whose sessions are looked at; null: those of every lock. */
  readonly lock: string | null;
  readonly env: NodeJS.ProcessEnv;
  /** Of holdfast. */
  readonly version: string;
}

/**
 * Tries everything that holdfast needs here, each thing by itself: one that has failed keeps no other from being tried.
 * Makes nothing that stays, and disturbs no session.
 */
export async function doctor({ home, lock, env, version }: DoctorRequest): Promise<readonly Check[]> {
  const [at, isThere] = nearestExisting(home.state);
  let config: Config = defaultConfig;
  const configuration = await check("configuration", home.root, async () => {
    config = await loadConfig(home, env);
    return { text: config.path ?? "none: the defaults", facts: { path: config.path } };
  });
  const state = await check("state directory", home.state, () => lookAtState(home, at));
  const notTried: Finding = { text: "not tried: the state directory cannot be used", warning: [] };
  const isUsable = state.state !== "failed";
  return [
    await check("versions", home.root, () => versions(version)),
    await check("native part", home.root, nativePart),
    await check("tmux", home.root, () => tmux(env)),
    configuration,
    state,
    await check("file system", at, () => fileSystem(at)),
    await check("pulse", at, () => {
      const { kind, why } = openPulses(at, config.pulse).choice;
      return { text: `${kind}: ${why}`, facts: { kind, why } };
    }),
    await check("lock", at, async () => {
      if (!isUsable) return notTried;
      const ms = await tryLock(join(at, isThere ? "doctor-" : ".holdfast-doctor-"), config.pulse);
      return { text: `taken and given back in ${Math.ceil(ms)} ms`, facts: { milliseconds: Math.ceil(ms) } };
    }),
    await check("processes", "/proc", processes),
    await check("hooks", home.state, () => hooks(home, config.hooks)),
    await check("sessions", home.state, () => (isUsable ? lookAtSessions(home, lock) : notTried)),
  ];
}

/** Where something is, or is going to be: the nearest directory that is there, and whether it is this one. */
function nearestExisting(path: string): readonly [path: string, isThere: boolean] {
  let at = path;
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at);
  return [at, at === path];
}

function versions(holdfast: string): Finding {
  const { node } = process.versions;
  const [kernel, architecture] = [`${type()} ${release()}`, machine()];
  return {
    text: `holdfast ${holdfast}, Node ${node}, ${kernel} ${architecture}`,
    facts: { holdfast, node, kernel, architecture },
  };
}

function nativePart(): Finding {
  const native = nativeLocks();
  if (!(native instanceof Error)) return { text: nativeVersion(), facts: { loads: true, version: nativeVersion() } };
  const [reason = ""] = native.message.split("\n");
  return { text: `cannot be loaded: ${reason}`, facts: { loads: false, version: null }, warning: [] };
}

/** Nobody needs it but for `--tmux`. */
async function tmux(env: NodeJS.ProcessEnv): Promise<Finding> {
  // Late, as where it is needed: what is imported in both ways lies in one file more.
  const { requireTmux } = await import("../tmux/require-tmux.ts");
  try {
    const version = await requireTmux(env);
    return { text: version, facts: { version } };
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "UNAVAILABLE") throw error;
    return { text: error.message, facts: { version: null } };
  }
}

/** @param at the nearest directory that is there */
function lookAtState(home: Home, at: string): Finding {
  const isReady = checkState(home) === "ready";
  try {
    accessSync(at, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw failureFromErrno(error, "write to the directory of the state", at);
  }
  const text = isReady ? home.state : `${home.state} is made by the first start or run`;
  return { text, facts: { path: home.state, exists: isReady } };
}

/** An agent that writes as much as is kept of its output should find room. */
const leastFreeBytes = 100_000_000;
const leastFreeFiles = 1000;

function fileSystem(at: string): Finding {
  const { name, shared } = fileSystemKindOf(at);
  const { bavail, bsize, ffree, files } = statfsSync(at);
  const freeBytes = bavail * bsize;
  // Some file systems have no fixed number of files, and say 0 of 0.
  const isFull = freeBytes < leastFreeBytes || (files > 0 && ffree < leastFreeFiles);
  const seeIt: readonly NextStep[] = [{ does: "see what is full", command: `df -h ${shellWord(at)}` }];
  return {
    text: `${name}, ${Math.floor(freeBytes / 1e6)} MB free${isFull ? `, room for ${ffree} files: nearly full` : ""}`,
    facts: { kind: name, shared, free_bytes: freeBytes, free_files: ffree },
    ...(isFull ? { warning: seeIt } : {}),
  };
}

async function processes(): Promise<Finding> {
  const count = (await (await openProcessTable()).list()).length;
  const source = isProcfsOurs() ? "/proc" : "ps";
  const isHidden = lookAtProcess(1) === "hidden";
  const hidden = ", and hides those of other users (hidepid): agents of theirs are not found";
  return {
    text: `${source} shows ${count}${isHidden ? hidden : ""}`,
    facts: { source, count, hides_others: isHidden },
    ...(isHidden ? { warning: [{ does: "see how it is mounted", command: "grep /proc /proc/mounts" }] } : {}),
  };
}

async function hooks(home: Home, configured: Config["hooks"]): Promise<Finding> {
  const { hasConsent } = await import("./hook-consent.ts");
  const commands = Object.entries(configured);
  const without = commands.flatMap(([hook, command]) => (hasConsent(home, hook, command) ? [] : [hook]));
  const facts = { configured: commands.length, without_consent: without.join(",") };
  if (without.length === 0) return { text: commands.map(([hook]) => hook).join(", ") || "none", facts };
  const text = `${without.join(", ")}: commands that only look run them once start or run was called here`;
  return { text, facts, warning: [] };
}
