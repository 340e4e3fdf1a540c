import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { identify } from "../process/identity.ts";
import type { Context } from "./context.ts";

/** What the agent's own PID file says. It is read and never written, and named when it is stale, never believed. */
export interface PidFile {
  readonly path: string;
  readonly pid: number | null;
  readonly state: "missing" | "unreadable" | "stale" | "alive";
}

/** Null when no `agent.pid_file` is configured. */
export function readPidFile(context: Context): PidFile | null {
  const { pidFile } = context.config.agent;
  if (pidFile === null) return null;
  const path = resolve(context.home.root, pidFile);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return { path, pid: null, state: "missing" };
  }
  const pid = Number(/^\s*([1-9]\d{0,9})\s*$/.exec(text)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(pid)) return { path, pid: null, state: "unreadable" };
  return { path, pid, state: identify(pid) === null ? "stale" : "alive" };
}
