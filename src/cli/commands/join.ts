import type { Failure } from "../../failure.ts";
import { parseDuration } from "../../home/duration.ts";
import { runWithoutLock } from "../../keeper/foreground.ts";
import { agentOutput, whyNoOutput } from "../../session/agent-output.ts";
import { removeClient, tryToRemoveClient } from "../../session/clients.ts";
import type { Context } from "../../session/context.ts";
import { join, type Joined, type JoinRequest } from "../../session/join.ts";
import { sendText } from "../../session/send-text.ts";
import { findActiveById } from "../../session/slots.ts";
import { inOneLine } from "../../session/trouble.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";
import { parseCommand } from "../given-command.ts";
import { usage } from "../globals.ts";
import { followParts, tailPart, type OutputPart } from "../output-parts.ts";
import { parsePid } from "../pid.ts";
import { durationText } from "../present/quantities.ts";
import { sayIfSlow } from "../say-if-slow.ts";

export interface JoinOptions {
  /** False with `--no-follow`. */
  readonly follow: boolean;
  readonly pid?: string;
  readonly as?: string;
  readonly ready?: boolean;
  readonly timeout?: string;
  readonly readOnly?: boolean;
  readonly send?: string;
}

/** How much of the output so far a newcomer is shown. */
const linesShown = 20;

/** @param operands what followed `--`; null when nothing did */
export async function joinCommand(
  cli: Cli,
  options: JoinOptions,
  id: string | undefined,
  operands: readonly string[] | null,
): Exit {
  if (options.send !== undefined) refuseBesideSend(options, operands);
  if (operands !== null) refuseBesideCommand(options, operands);
  const readyWithinMs = parsePatience(options);
  const context = await openCliContext(cli, {
    access: "read",
    despiteConfig: "said",
    ...(options.as === undefined ? {} : { clientName: options.as }),
  });
  const request = {
    id: parseId(id),
    ...(readyWithinMs === undefined ? {} : { readyWithinMs }),
  };
  if (options.send !== undefined) {
    (await cli.show()).sent(await sendText(context, request.id, options.send));
    return 0;
  }
  const joining = (client: Pick<JoinRequest, "pid"> = {}) => saidIfSlow(cli, context, { ...request, ...client });
  if (operands !== null) return runAsClient(cli, context, await joining(), operands);
  const pid = parsePid(options.pid);
  if (cli.interactive && options.follow && pid === undefined && !cli.globals.json) {
    return attachOrFollow(cli, context, await joining(), options.readOnly === true);
  }
  // A registration of this process would end with it in a moment: the caller is the client.
  (await cli.show()).joined(await joining({ pid: pid ?? process.ppid }));
  return 0;
}

/** Joins, and says of whom it is waited for that it is ready. */
function saidIfSlow(cli: Cli, context: Context, request: JoinRequest): Promise<Joined> {
  const { readyWithinMs } = request;
  if (readyWithinMs === undefined) return join(context, request);
  return sayIfSlow(cli, join(context, request), async () => {
    const session = await findActiveById(context, request.id);
    if (session === null) return null;
    const patience =
      readyWithinMs === null ? "for as long as it takes" : `at most ${durationText(readyWithinMs / 1000)}`;
    return `waiting until ${session.id} is ready, ${patience}`;
  });
}

/** How long to wait for readiness: undefined: not at all; null: for as long as it takes. */
function parsePatience({ ready, timeout }: JoinOptions): number | null | undefined {
  if (timeout === undefined) return ready === true ? null : undefined;
  if (ready === true) return parseDuration(timeout, "--timeout");
  throw usage("--timeout: give --ready too", "holdfast join --help");
}

/** @throws Failure `USAGE` also where there is no command */
function refuseBesideCommand(options: JoinOptions, operands: readonly string[]): void {
  parseCommand(operands, "No command after --", "holdfast join --help");
  if (options.pid !== undefined) {
    throw usage("--pid: the client is the command after --, or that process: give one of them", null);
  }
  if (options.follow) return;
  throw usage("--no-follow: the client is the command after --, or the calling process: give one of them", null);
}

function refuseBesideSend(options: JoinOptions, operands: readonly string[] | null): void {
  const others = [options.pid, options.readOnly, options.ready, operands ?? undefined];
  if (options.follow && others.every((other) => other === undefined)) return;
  throw usage("--send types into the terminal and returns: it goes with --as only", "holdfast join --help");
}

/** The agent's terminal, if it has one; else what it writes. */
async function attachOrFollow(cli: Cli, context: Context, joined: Joined, readOnly: boolean): Exit {
  const { session } = joined.active;
  if (session.tmux === null) return follow(cli, context, joined);
  const tmux = await import("./join-tmux.ts");
  try {
    const server = await tmux.serverToAttach(cli, context, session);
    if (server !== null) return await tmux.attach(cli, context, joined, { server, readOnly });
  } catch (error) {
    removeClient(context, session, joined.client, "left");
    throw error;
  }
  return follow(cli, context, joined);
}

async function follow(cli: Cli, context: Context, joined: Joined): Exit {
  const { session } = joined.active;
  const presenter = await cli.show();
  presenter.joined(joined);
  const why = whyNoOutput(session);
  if (why !== null) presenter.note(`Nothing of what it writes is shown: ${why}`);
  const leaving = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => leaving.abort());
  const show = (part: OutputPart) => presenter.output({ session, ...part, eof: false });
  // On a terminal, colours may stay what they are. Nothing else that an agent says to it may.
  const tail = tailPart(agentOutput(context.home, session.uid), linesShown, { escapes: "colours", isOver: false });
  // A newcomer is shown the end anyway: what is not kept before it is no news.
  show({ ...tail, skippedBytes: 0 });
  const following = followParts(context, session, tail.nextCursor, { escapes: "colours", signal: leaving.signal });
  for await (const part of following) show(part);
  if (leaving.signal.aborted) {
    removeClient(context, session, joined.client, "left");
    presenter.left(session.id, [joined.client]);
  } else {
    presenter.note(`${session.id} has ended`);
  }
  return 0;
}

async function runAsClient(cli: Cli, context: Context, joined: Joined, command: readonly string[]): Exit {
  const { client, active } = joined;
  const { session } = active;
  const presenter = await cli.show();
  presenter.note(`joined ${session.id}`);
  const env = { ...cli.env, HOLDFAST_JOINED: session.uid };
  try {
    return await runWithoutLock(context, { command, cwd: cli.cwd, env });
  } finally {
    // Whatever becomes of that: how the command ended is the answer.
    const tell = (failure: Failure) => presenter.note(inOneLine(failure));
    tryToRemoveClient(context, session, { client, reason: "left", tell });
  }
}
