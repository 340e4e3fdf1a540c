import type { ChildProcess } from "node:child_process";
import { createConnection } from "node:net";
import { errorText, Failure } from "../failure.ts";
import { followFile } from "../journal/follow.ts";
import { outputShows } from "../journal/search-output.ts";
import { abortAfter, systemClock } from "../process/clock.ts";
import type { AgentOutput } from "../session/agent-output.ts";
import type { ReadinessProbe } from "../session/session-info.ts";
import { endedTooSoon, errorOf, exitEventOf, exitUnless, killAtOnce, type Agent } from "./agent.ts";

export interface ReadinessOptions {
  readonly probe: ReadinessProbe;
  readonly agent: Agent;
  /** What the agent writes its output to. */
  readonly output: AgentOutput;
  /** What a readiness command runs with: the agent's own. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Aborted when the session is to end instead. */
  readonly ending: AbortSignal;
}

/** How long between two tries of a port or a command: nothing tells when a foreign program begins to listen. */
const tryAgainMs = { port: 50, command: 250 } as const;

/**
 * Resolves when the agent is ready: when everything its probe asks for is seen.
 * @throws Failure `START_FAILED` when it is not ready in time, or ends before, or is to be ended
 */
export async function waitUntilReady(options: ReadinessOptions): Promise<void> {
  const { probe, agent, ending } = options;
  const over = new AbortController();
  const outOfTime = abortAfter(probe.timeout_ms);
  const stop = AbortSignal.any([over.signal, outOfTime, ending]);
  const missing = new Set<string>();
  const probes: Promise<unknown>[] = [];
  const probeUntil = (what: string, seen: Promise<unknown>): void => {
    missing.add(what);
    probes.push(seen.then(() => stop.aborted || missing.delete(what)));
  };
  if (probe.output !== null) {
    const { path, keptFrom } = options.output;
    const output = followFile(path, { fromByte: agent.outputFromByte, signal: stop, keptFrom });
    probeUntil(`its output did not show /${probe.output}/`, outputShows(output, new RegExp(probe.output, "m")));
  }
  if (probe.port !== null) probeUntil(`nothing listened on port ${probe.port}`, portListens(probe.port, stop));
  if (probe.command !== null) {
    probeUntil(`the command did not succeed: ${probe.command}`, commandSucceeds(probe.command, options, stop));
  }
  const ready = Promise.all(probes).then(() => !stop.aborted);
  try {
    const seen = await Promise.race([ready, agent.exited]);
    if (seen === true) return;
    if (ending.aborted) throw new Failure("START_FAILED", "The session was ended before the agent was ready");
    if (seen !== false) throw endedTooSoon(seen, "before it was ready");
  } finally {
    over.abort();
  }
  const lines = [`The agent was not ready within ${probe.timeout_ms / 1000} s and was ended`, ...missing];
  throw new Failure("START_FAILED", lines.join("\n"));
}

async function portListens(port: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if ((await accepts("127.0.0.1", port, signal)) || (await accepts("::1", port, signal))) return;
    await systemClock.sleep(tryAgainMs.port, signal);
  }
}

/** Whoever listens, and has no room left for those who wait to be accepted, lets a newcomer try for minutes. */
function accepts(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, signal });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function commandSucceeds(command: string, options: ReadinessOptions, signal: AbortSignal): Promise<void> {
  const { spawn } = await import("node:child_process");
  const { env, cwd } = options;
  while (!signal.aborted) {
    const begin = () => spawn("/bin/sh", ["-c", command], { env, cwd, stdio: "ignore", detached: true });
    if ((await codeOf(begin, signal)) === 0) return;
    await systemClock.sleep(tryAgainMs.command, signal);
  }
}

/** Null for one that is cut short: with `--close` nobody else would end it, nor what it has started. */
async function codeOf(begin: () => ChildProcess, signal: AbortSignal): Promise<number | null> {
  const child = orCannotRun(begin);
  const { pid } = child;
  if (pid === undefined) throw cannotRun(await errorOf(child));
  const exit = await exitUnless(signal, { exited: exitEventOf(child) });
  if (exit === null) killAtOnce(pid, { ownGroup: true });
  return exit?.code ?? null;
}

/** Some errors Node throws at once (ENOTDIR), where it tells of others later. */
function orCannotRun(begin: () => ChildProcess): ChildProcess {
  try {
    return begin();
  } catch (error) {
    throw cannotRun(error);
  }
}

function cannotRun(error: unknown): Failure {
  return new Failure("START_FAILED", `The readiness command cannot be run: ${errorText(error)}`, { cause: error });
}
