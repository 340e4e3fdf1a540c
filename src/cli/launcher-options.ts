import { resolve } from "node:path";
import { parseDuration } from "../home/duration.ts";
import type { SessionRequest } from "../session/new-session.ts";
import type { Project } from "./cli.ts";
import { givenText } from "./given-command.ts";
import { usage } from "./globals.ts";

export interface LauncherOptions {
  readonly launcher?: boolean;
  readonly pidFile?: string;
  readonly stopCommand?: string;
  readonly readyTimeout?: string;
  readonly close?: boolean;
  readonly restart?: string;
  readonly tmux?: boolean;
}

const returnWithinMsDefault = 60_000;
const pidFileWithinMsDefault = 10_000;
const help = "holdfast start --help";

/**
 * How the agent is started and asked to end. `agent.kind`, `agent.pid_file` and `agent.stop_command` of the configuration
 * describe its `agent.command`: they say nothing of a command that was given.
 * @param isConfigured whether the configured command is started
 * @param cwd what the options' paths are relative to
 */
export function parseLauncher(
  { config, home }: Project,
  options: LauncherOptions,
  { isConfigured, cwd }: { readonly isConfigured: boolean; readonly cwd: string },
): Pick<SessionRequest, "launcher" | "pidFile" | "stopCommand"> {
  const { kind, pidFile, stopCommand } = config.agent;
  const isLauncher = options.launcher === true || (isConfigured && kind === "launcher");
  if (isLauncher) refuseWithLauncher(options);
  else if (options.pidFile !== undefined) throw usage("--pid-file: give --launcher too", help);
  const configured = {
    pidFile: isConfigured && pidFile !== null ? resolve(home.root, pidFile) : null,
    stopCommand: isConfigured ? stopCommand : null,
  };
  return {
    ...configured,
    launcher: isLauncher ? limitsOf(options.readyTimeout) : null,
    ...(options.pidFile === undefined
      ? {}
      : { pidFile: resolve(cwd, givenText(options.pidFile, "--pid-file", "a path")) }),
    ...(options.stopCommand === undefined
      ? {}
      : { stopCommand: ["/bin/sh", "-c", givenText(options.stopCommand, "--stop-command", "a shell command")] }),
  };
}

function limitsOf(readyTimeout: string | undefined): NonNullable<SessionRequest["launcher"]> {
  const givenMs = readyTimeout === undefined ? null : parseDuration(readyTimeout, "--ready-timeout");
  return {
    return_within_ms: givenMs ?? returnWithinMsDefault,
    pid_file_within_ms: givenMs ?? pidFileWithinMsDefault,
  };
}

function refuseWithLauncher({ close, restart, tmux }: LauncherOptions): void {
  if (tmux === true) {
    throw usage("--tmux: a launcher leaves its agent in the background, where it has no terminal", help);
  }
  if (close === true) {
    throw usage("--close: a launcher leaves its agent in the background, which this would let go", help);
  }
  if (restart === "on-failure") {
    throw usage("--restart: how the agent of a launcher ended is not known: say always or no", help);
  }
}
