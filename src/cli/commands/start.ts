import { Failure } from "../../failure.ts";
import { parseDuration, parseSize } from "../../home/duration.ts";
import { excerpt, makeSessionId } from "../../home/names.ts";
import { start, startOrQueue, type Started, type StartRequest } from "../../session/start.ts";
import type { Context } from "../../session/context.ts";
import { restartPolicies, type RestartPolicy } from "../../session/session-info.ts";
import { findActiveById } from "../../session/slots.ts";
import { startStep } from "../../session/start-again.ts";
import { findProject, openCliContext, parseId, type Cli, type Exit, type Project } from "../cli.ts";
import { parseCommand } from "../given-command.ts";
import { usage } from "../globals.ts";
import { parseNumber } from "../count.ts";
import { parseLauncher } from "../launcher-options.ts";
import { parseReadiness } from "../readiness-options.ts";
import { durationText } from "../present/quantities.ts";
import { sayIfSlow } from "../say-if-slow.ts";
import { parseSessionOptions, type SessionOptions } from "../session-options.ts";
import { parseWait, Waiting } from "../waiting.ts";

export interface StartOptions extends SessionOptions {
  readonly stopSignal?: string;
  readonly orJoin?: boolean;
  readonly wait?: string;
  readonly queue?: boolean;
  readonly maxTime?: string;
  readonly maxOutput?: string;
  readonly readyOutput?: string;
  readonly readyPort?: string;
  readonly readyCommand?: string;
  readonly readyTimeout?: string;
  readonly launcher?: boolean;
  readonly pidFile?: string;
  readonly stopCommand?: string;
  readonly restart?: string;
  readonly maxRestarts?: string;
  readonly tmux?: boolean;
  readonly force?: boolean;
  /** All of these as they were typed. */
  readonly typed?: string;
}

/** @param operands what followed `--`; null when nothing did */
export async function startCommand(
  cli: Cli,
  options: StartOptions,
  id: string | undefined,
  operands: readonly string[] | null,
): Exit {
  // In the background a wait takes as long as it takes, if nothing else is said.
  const waitMs = parseWait(options.wait, options.queue === true ? null : undefined);
  if (options.tmux === true && options.close === true) {
    throw usage(
      "--close lets go of what outlives the agent, and --tmux ends it: give one of them",
      "holdfast start --help",
    );
  }
  const project = await findProject(cli);
  const request = requestOf(cli, project, options, { id, operands });
  const context = await openCliContext(cli, { access: "write", project });
  if (options.queue === true && waitMs !== undefined) {
    const outcome = await startOrQueue(context, request, waitMs);
    const presenter = await cli.show();
    if ("position" in outcome) presenter.queued(outcome);
    else presenter.started(outcome);
    return 0;
  }
  if (waitMs === undefined) {
    (await cli.show()).started(await saidIfSlow(cli, context, request));
    return 0;
  }
  // Made now: it is told while it waits.
  const named = { ...request, id: request.id ?? makeSessionId(request.command, new Date()) };
  const waiting = new Waiting(cli, named.id, waitMs);
  // A signal that comes with the turn ends it before it has begun a session.
  const during = <Result>(turn: Promise<Result>) => heardOut(waiting.during(heardOut(turn)));
  (await cli.show()).started(await saidIfSlow(cli, context, { ...named, wait: waiting.wait, during }));
  return 0;
}

/** Starts, and says what is waited for when the agent, or the one that is joined, takes its time to run and to be ready. */
function saidIfSlow(cli: Cli, context: Context, request: StartRequest): Promise<Started> {
  const isSlow = request.launcher != null || request.ready != null || request.orJoin === true;
  if (!isSlow) return start(context, request);
  return sayIfSlow(cli, start(context, request), async () => {
    const session = await findActiveById(context, request.id ?? null);
    if (session?.agent == null) return null;
    const { id, agent, launcher, ready } = session;
    if (launcher?.process === null) {
      const within = durationText(launcher.return_within_ms / 1000);
      return `the launcher of ${id} runs (PID ${agent.pid}); it is given ${within} to return`;
    }
    if (ready === null) return null;
    return `${id} runs (PID ${agent.pid}); it is given ${durationText(ready.timeout_ms / 1000)} to be ready`;
  });
}

/**
 * What a task results in, once the signals have been heard that had come by then, and have had their effect. The event loop
 * hears of them when it polls, which it has done by its second check.
 */
async function heardOut<Result>(task: Promise<Result>): Promise<Result> {
  const result = await task;
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return result;
}

function requestOf(
  cli: Cli,
  project: Project,
  options: StartOptions,
  { id, operands }: { readonly id: string | undefined; readonly operands: readonly string[] | null },
): StartRequest {
  const launching = parseLauncher(project, options, { isConfigured: operands === null, cwd: cli.cwd });
  const given = parseId(id);
  return {
    id: given,
    command: commandOf(project, operands, given),
    cwd: operands === null ? project.home.root : cli.cwd,
    orJoin: options.orJoin === true,
    force: options.force === true,
    typed: options.typed ?? "",
    tmux: options.tmux === true,
    ...launching,
    ready: parseReadiness(options, launching.launcher !== null),
    meanwhile: () => void cli.show(),
    ...parseSessionOptions(cli, options, { signal: options.stopSignal, maxTime: ["--max-time", options.maxTime] }),
    ...(options.readyTimeout === undefined
      ? {}
      : { joinWithinMs: parseDuration(options.readyTimeout, "--ready-timeout") }),
    ...(options.maxOutput === undefined ? {} : { maxOutputBytes: parseMaxOutput(options.maxOutput) }),
    ...parseRestart(options),
  };
}

/** Null: all of it is kept. */
function parseMaxOutput(text: string): number | null {
  if (text === "none") return null;
  const bytes = parseSize(text, "--max-output");
  if (bytes > 0) return bytes;
  throw usage(`--max-output: expected a size above 0, or none, got ${excerpt(text)}`, "holdfast start --help");
}

/** Of more nobody would see the end. */
const mostRestarts = 999_999_999;

function parseRestart({ restart, maxRestarts }: StartOptions): { restart?: RestartPolicy; maxRestarts?: number } {
  const policy = restartPolicies.find((known) => known === restart);
  if (restart !== undefined && policy === undefined) {
    throw usage(`--restart: expected ${restartPolicies.join(", ")}, got ${restart}`, "holdfast start --help");
  }
  if (maxRestarts === undefined) return policy === undefined ? {} : { restart: policy };
  if (policy === undefined || policy === "no") {
    throw usage("--max-restarts: give --restart on-failure or always too", "holdfast start --help");
  }
  const range = { least: 0, most: mostRestarts, help: "holdfast start --help", expected: "a whole number" };
  return { restart: policy, maxRestarts: parseNumber(maxRestarts, "--max-restarts", range) };
}

function commandOf({ config }: Project, operands: readonly string[] | null, id: string | null): readonly string[] {
  if (operands !== null) return parseCommand(operands, "No command after --", "holdfast start --help");
  const { command } = config.agent;
  if (command !== null) return command;
  throw new Failure(
    "USAGE",
    "No command to start: none was given, and none is configured (agent.command in holdfast.json)",
    {
      facts: config.path === null ? {} : { path: config.path },
      next: [{ ...startStep(config, id), does: "give one" }],
    },
  );
}
