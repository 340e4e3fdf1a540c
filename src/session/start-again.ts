import type { NextStep } from "../failure.ts";
import type { Config } from "../home/config.ts";
import { shellWord } from "../home/shell-word.ts";
import type { Context } from "./context.ts";
import { isSameCommand, type SessionInfo } from "./session-info.ts";

/**
 * How to begin where nothing runs: with the configured command, if there is one, there is nothing left to fill in.
 * @param id null: any
 */
export function startStep({ agent }: Config, id: string | null): NextStep {
  return { does: "start one", command: startOf(agent.command !== null, id) };
}

/** How to begin in tmux, where no launcher leaves its agent. */
export function startInTmuxStep({ agent }: Config): NextStep {
  const hasCommand = agent.command !== null && agent.kind !== "launcher";
  return { does: "start one that can", command: startOf(hasCommand, null, " --tmux") };
}

function startOf(hasCommand: boolean, id: string | null, options = ""): string {
  if (!hasCommand) return `holdfast start ${id ?? "ID"}${options} -- COMMAND`;
  return `holdfast start${id === null ? "" : ` ${id}`}${options}`;
}

/**
 * The `start` to type for the same command once more, which is left out if it is the configured one.
 * @param options further ones: `--wait 10m`
 */
export function startAgain({ home, config }: Context, session: SessionInfo, options: string): string {
  const { id, slots, command, cwd } = session;
  const { command: configured } = config.agent;
  const start = `holdfast start ${id}${slots === 1 ? "" : ` --slots ${slots}`}`;
  // Wherever it is typed, the configured one runs in the project's root.
  const isConfigured = configured !== null && cwd === home.root && isSameCommand(session, { command: configured });
  if (isConfigured) return `${start} ${options}`;
  return `${start}${launcherOptions(session)} ${options} -- ${command.map(shellWord).join(" ")}`;
}

function launcherOptions({ launcher, pid_file: path }: SessionInfo): string {
  if (launcher === null) return "";
  return ` --launcher${path === null ? "" : ` --pid-file ${shellWord(path)}`}`;
}
