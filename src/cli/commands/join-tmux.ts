import { Failure } from "../../failure.ts";
import { runWithoutLock } from "../../keeper/foreground.ts";
import { removeClient } from "../../session/clients.ts";
import type { Context } from "../../session/context.ts";
import type { Joined } from "../../session/join.ts";
import type { SessionInfo } from "../../session/session-info.ts";
import { tmuxServerOf } from "../../session/session-tmux.ts";
import { atSlot } from "../../session/slots.ts";
import { hasLetGo } from "../../session/stop.ts";
import { sessionsAround } from "../../session/inside.ts";
import { outsideTmux } from "../../tmux/run-tmux.ts";
import type { TmuxServer } from "../../tmux/tmux-server.ts";
import type { Cli, Exit } from "../cli.ts";

/** Longer than a keeper takes to end a session whose agent and tmux are gone. */
const endingMs = 5_000;

/**
 * The tmux server to attach to; null, and said why, when this terminal has to do with the output alone.
 * @throws Failure `USAGE` for a terminal within the session, which would show itself in itself
 */
export async function serverToAttach(cli: Cli, context: Context, session: SessionInfo): Promise<TmuxServer | null> {
  if (sessionsAround(cli.env).includes(session.uid)) throw insideItself(session);
  const server = await tmuxServerOf(context, session);
  const isCapable = !["", "dumb"].includes(cli.env["TERM"] ?? "");
  if (server !== null && isCapable && (await server.exists())) return server;
  const why = isCapable ? "its tmux session cannot be reached from here" : "this terminal cannot show a tmux session";
  (await cli.show()).note(`${why}: following the output of ${session.id}`);
  return null;
}

/** Shows the tmux session in this terminal, which is a client for as long. */
export async function attach(
  cli: Cli,
  context: Context,
  joined: Joined,
  { server, readOnly }: { readonly server: TmuxServer; readonly readOnly: boolean },
): Exit {
  const { session } = joined.active;
  const presenter = await cli.show();
  presenter.joined(joined);
  presenter.note(`${cli.env["TMUX"] ? "Ctrl-b Ctrl-b d" : "Ctrl-b d"} leaves; ${session.id} goes on`);
  const command = server.attachCommand(session.tmux?.name ?? "", { readOnly });
  const code = await runWithoutLock(context, { command, cwd: cli.cwd, env: outsideTmux(cli.env) });
  const isThere = await server.exists();
  // With the session its clients leave.
  if (!isThere && (await hasLetGo(atSlot(context, session.slot), joined.active, endingMs))) {
    presenter.note(`${session.id} has ended`);
    return 0;
  }
  if (removeClient(context, session, joined.client, "left")) presenter.left(session.id, [joined.client]);
  if (code === 0 || !isThere) return 0;
  throw new Failure("UNAVAILABLE", `tmux could not show ${session.id} here (exit code ${code})`, {
    facts: { path: server.client.socket },
    next: [{ does: "read along", command: "holdfast logs -o -f" }],
  });
}

function insideItself({ id }: SessionInfo): Failure {
  return new Failure("USAGE", `This terminal is ${id}'s own: it would show itself in itself`, {
    facts: { session: id },
    next: [{ does: "register as a client", command: `holdfast join ${id} --no-follow` }],
  });
}
