import { Failure, type NextStep } from "../failure.ts";
import { findProgram } from "../process/find-program.ts";
import { runTmux } from "./run-tmux.ts";

/** Panes with options and hooks of their own are older; `-N`, never to start a server by accident, came with 3.2. */
const oldest = { major: 3, minor: 2 } as const;

const waysToGetIt: readonly NextStep[] = [
  { does: "on Debian and Ubuntu", command: "apt install tmux" },
  { does: "on Fedora and RHEL", command: "dnf install tmux" },
  { does: "on macOS", command: "brew install tmux" },
];

/**
 * @returns its version, as it says it: `tmux 3.3a`
 * @throws Failure `UNAVAILABLE`, with how to get it, when there is no tmux in PATH or it is too old
 */
export async function requireTmux(env: NodeJS.ProcessEnv): Promise<string> {
  const found = findProgram("tmux", { env, cwd: "/" });
  if (typeof found === "string") {
    throw new Failure("UNAVAILABLE", "--tmux needs tmux, and there is none in PATH", {
      facts: { search_path: env["PATH"] ?? "" },
      next: waysToGetIt,
    });
  }
  const answer = await runTmux(["-V"], { env });
  if (!answer.ok) {
    throw new Failure("UNAVAILABLE", `tmux cannot be run: ${answer.problem}`, { facts: { path: found.path } });
  }
  const version = answer.stdout.trim();
  if (isTooOld(version)) {
    throw new Failure(
      "UNAVAILABLE",
      `--tmux needs tmux ${oldest.major}.${oldest.minor} or newer, and this is ${version}`,
      {
        facts: { path: found.path, version },
        next: waysToGetIt,
      },
    );
  }
  return version;
}

/** @param version `tmux 3.3a`, `tmux next-3.6`. One that says no number (`tmux master`) is taken for a new one. */
function isTooOld(version: string): boolean {
  const [, major, minor] = /^tmux (?:next-)?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) < oldest.major || (Number(major) === oldest.major && Number(minor) < oldest.minor);
}
