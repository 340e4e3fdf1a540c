import { Failure } from "../failure.ts";
import { outsideTmux, runTmux, type TmuxAnswer, type TmuxCall } from "./run-tmux.ts";
import { distrust } from "./tmux-socket.ts";

type Command = readonly string[];

/** Stands between fields: none of them can have one. */
const tab = "\t";

/** Talks with the tmux server at one socket, which is trusted before each call, and never starts one by accident. */
export class TmuxClient {
  readonly socket: string;
  readonly env: NodeJS.ProcessEnv;

  /** @param env of whoever calls: where tmux is, and what terminal this is */
  constructor(socket: string, env: NodeJS.ProcessEnv) {
    this.socket = socket;
    this.env = outsideTmux(env);
  }

  /** Has the server run commands, one after the other until one fails, in one go. Never rejects. */
  async call(commands: readonly Command[], call: Partial<TmuxCall> = {}): Promise<TmuxAnswer> {
    const problem = distrust(this.socket);
    if (problem !== null) return { ok: false, stdout: "", problem };
    // -u: what it prints is UTF-8, whatever the locale says.
    return runTmux(["-u", ...this.words(commands)], { env: this.env, ...call });
  }

  /** @throws Failure `UNAVAILABLE` in tmux's own words. @param operation in the infinitive */
  async do(operation: string, commands: readonly Command[], call: Partial<TmuxCall> = {}): Promise<string> {
    return orThrow(await this.call(commands, call), operation, this.socket);
  }

  /**
   * What tmux knows of a pane by these names, of which the first is never empty.
   * @param pane null: whichever there is
   * @returns null when it is not there
   */
  async ask(pane: string | null, names: readonly string[]): Promise<readonly string[] | null> {
    const target = pane === null ? [] : ["-t", pane];
    const { ok, stdout } = await this.call([["display-message", "-p", ...target, fieldsOf(names)]]);
    const fields = splitFields(stdout);
    return ok && fields[0] !== "" ? fields : null;
  }

  /** The arguments of such a call. */
  words(commands: readonly Command[]): readonly string[] {
    return [
      "-N",
      "-S",
      this.socket,
      ...commands.flatMap((command, index) => (index === 0 ? command : [";", ...command])),
    ];
  }
}

/** A format that prints these; `splitFields` takes it apart. */
export function fieldsOf(names: readonly string[]): string {
  return names.map((name) => `#{${name}}`).join(tab);
}

/** At least one, which is empty where nothing was printed. */
export function splitFields(line: string): readonly string[] {
  return line.replace(/\n$/, "").split(tab);
}

/** @throws Failure `UNAVAILABLE` in tmux's own words */
export function orThrow({ ok, stdout, problem }: TmuxAnswer, operation: string, socket: string): string {
  if (ok) return stdout;
  const why = problem === "" ? "tmux does not say why" : problem;
  throw new Failure("UNAVAILABLE", `Cannot ${operation}: ${why}\n${socket}`, { facts: { path: socket } });
}
