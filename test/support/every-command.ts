import { expect } from "vitest";
import type { Outcome } from "./program.ts";
import { agent, type CallOptions, type Workspace } from "./workspace.ts";

/** Every command that only looks, or only looks as long as nothing is lost. */
export const lookingCommands: readonly (readonly string[])[] = [
  ["status"],
  ["status", "--json"],
  ["status", "--check"],
  ["list"],
  ["list", "--ended", "--json"],
  ["logs"],
  ["logs", "--json", "-n", "1000"],
  ["logs", "-o"],
  ["logs", "-o", "--session", "past"],
  ["logs", "-o", "--cursor", "0"],
  ["stats"],
  ["wait", "--timeout", "0"],
  ["wait", "past", "--timeout", "0"],
  ["join", "--no-follow", "--pid", String(process.pid)],
  ["leave", "--pid", String(process.pid)],
  ["cleanup", "--dry-run"],
  ["doctor"],
  ["completion", "zsh", "--", "logs", "--session", ""],
];

/** Every command that does something, in an order in which each finds something to do. */
export const actingCommands: readonly (readonly string[])[] = [
  ["watch", "--once"],
  ["start", "next", "--", ...agent("sleeper.sh")],
  ["run", "-n", "true"],
  ["run", "-n", "--slots", "2", "true"],
  ["-l", "other", "run", "-n", "true"],
  ["cleanup", "--damaged"],
  ["cleanup", "--orphans"],
  ["cleanup", "--ended", "0"],
  ["stop"],
  ["cleanup"],
];

/** Far longer than any of these takes, also on a busy machine. */
const boundMs = 25_000;

/** What acts on a terminal, or hides text on it. Progress bars write carriage returns. */
// oxlint-disable-next-line no-control-regex -- they are what it looks for
const controls = /[\0-\u0006\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

/** Calls a command that must end in time, without a bug, and without a raw control character. */
export async function callSafely(
  workspace: Workspace,
  words: readonly string[],
  call: CallOptions = {},
): Promise<Outcome> {
  const running = workspace.spawnHoldfast(words, { input: "", ...call });
  const clock = setTimeout(() => running.signal("SIGKILL"), boundMs);
  const outcome = await running.ended;
  clearTimeout(clock);
  const { exitCode, signal, stdout, stderr } = outcome;
  expect({ words, signal, stdout, stderr }).toMatchObject({ signal: null });
  expect({ words, exitCode, stdout, stderr }).toMatchObject({ exitCode: expect.toSatisfy((code) => code !== 70) });
  expect({ words, shown: controls.exec(stdout + stderr)?.[0] ?? null }).toEqual({ words, shown: null });
  return outcome;
}
