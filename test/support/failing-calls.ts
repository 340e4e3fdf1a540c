import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { FailureCode } from "../../src/failure.ts";
import { holdLock } from "./held-lock.ts";
import { installed, installWithoutNativePart } from "./installation.ts";
import { isAlive } from "./live-processes.ts";
import { startSession } from "./sessions.ts";
import { until } from "./until.ts";
import { agent, type Workspace } from "./workspace.ts";

/** A call that fails, in a workspace that has been prepared for it. */
export interface FailingCall {
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Another program than the built holdfast: a damaged installation. */
  readonly program?: readonly string[];
  /** What becomes of the workspace while the call runs. */
  readonly meanwhile?: (pid: number) => Promise<void>;
}

export interface FailureCase {
  readonly code: FailureCode;
  readonly when: string;
  readonly prepare: (workspace: Workspace) => FailingCall | Promise<FailingCall>;
  /** What the person is told; beside the path, where there is one. */
  readonly says: string;
}

function calling(...words: string[]): () => FailingCall {
  return () => ({ words });
}

/** Writes the claim that everybody looks at. */
function claim(content: string) {
  return (workspace: Workspace): FailingCall => {
    mkdirSync(workspace.state, { mode: 0o700 });
    workspace.write(".holdfast/claims/session.1", content);
    return { words: ["run", "-n", "true"] };
  };
}

function configured(text: string) {
  return (workspace: Workspace): FailingCall => {
    workspace.write("holdfast.json", text);
    return { words: ["cleanup"] };
  };
}

async function orphan(workspace: Workspace): Promise<FailingCall> {
  const session = await startSession(workspace, agent("sleeper.sh"));
  process.kill(session.keeperPid, "SIGKILL");
  await until(() => !isAlive(session.keeperPid));
  return { words: ["start", "next", "--", "true"] };
}

/** Every row of the table of exit codes, by at least one call that a user can really make. */
export const failureCases: readonly FailureCase[] = [
  { code: "USAGE", when: "an option is unknown", prepare: calling("status", "--bogus"), says: "--bogus" },
  { code: "USAGE", when: "a command is unknown", prepare: calling("stauts"), says: "stauts" },
  { code: "USAGE", when: "there is no command", prepare: calling(), says: "Which command?" },
  {
    code: "USAGE",
    when: "an argument is one too many",
    prepare: calling("stop", "a", "b"),
    says: "Too many arguments",
  },
  { code: "USAGE", when: "a session id is none", prepare: calling("stop", "../x"), says: 'Not a session id: "../x"' },
  {
    code: "USAGE",
    when: "a lock name is none",
    prepare: calling("-l", "a/b", "status"),
    says: 'Not a lock name: "a/b"',
  },
  {
    code: "USAGE",
    when: "a duration is none",
    prepare: calling("run", "-w", "soon", "true"),
    says: "--wait: expected a duration",
  },
  { code: "USAGE", when: "a signal is none", prepare: calling("stop", "-s", "SIGFOO"), says: "SIGFOO" },
  { code: "USAGE", when: "run has no command", prepare: calling("run"), says: "No command to run" },
  {
    code: "USAGE",
    when: "run's program is empty",
    prepare: calling("run", ""),
    says: "a program to run in first place",
  },
  {
    code: "USAGE",
    when: "start's program is empty",
    prepare: calling("start", "--queue", "--", ""),
    says: "a program to run in first place",
  },
  { code: "USAGE", when: "start has no command", prepare: calling("start", "demo"), says: "none is configured" },
  { code: "USAGE", when: "-c comes with a command", prepare: calling("run", "-c", "true", "false"), says: "not both" },
  { code: "USAGE", when: "the directory does not exist", prepare: calling("-C", "nowhere", "status"), says: "nowhere" },
  {
    code: "USAGE",
    when: "a variable says nonsense",
    prepare: () => ({ words: ["status"], env: { HOLDFAST_PULSE: "slow" } }),
    says: 'HOLDFAST_PULSE: expected auto, kernel, lease, got "slow"',
  },
  {
    code: "DATA",
    when: "a newer holdfast wrote the claim",
    prepare: claim('{"schema_version":2,"token":1}\n'),
    says: "written by a newer holdfast (format 2)",
  },
  {
    code: "DATA",
    when: "the claim is garbage",
    prepare: claim("\0\u0001garbage\n"),
    says: "its last line is not JSON",
  },
  { code: "DATA", when: "the claim is empty", prepare: claim(""), says: "it has no complete line" },
  { code: "NO_SESSION", when: "none is active", prepare: calling("stop"), says: "No active session" },
  {
    code: "NO_SESSION",
    when: "the one named never was",
    prepare: calling("wait", "demo"),
    says: "demo is not running",
  },
  {
    code: "SESSION_MISMATCH",
    when: "another one is active (R3.4)",
    prepare: async (workspace) => {
      await startSession(workspace, agent("sleeper.sh"));
      return { words: ["stop", "other"] };
    },
    says: "Session does not match: expected other, found demo",
  },
  {
    code: "UNAVAILABLE",
    when: "kernel locks are wanted, and the native part cannot be loaded",
    prepare: (workspace) => ({
      program: installed(installWithoutNativePart(workspace)),
      words: ["run", "true"],
      env: { HOLDFAST_PULSE: "kernel" },
    }),
    says: "Kernel locks cannot be had here",
  },
  {
    code: "INTERNAL",
    when: "a part of the installation is missing",
    prepare: (workspace) => {
      const directory = installWithoutNativePart(workspace);
      rmSync(join(directory, "dist/keeper.js"));
      return { program: installed(directory), words: ["start", "demo", "--", "sleep", "300"] };
    },
    says: "The keeper ended before the agent ran",
  },
  {
    code: "CANNOT_CREATE",
    when: "the state directory is to be below a file",
    prepare: (workspace) => {
      workspace.write("file", "");
      return { words: ["run", "true"], env: { HOLDFAST_STATE_DIR: "file/state" } };
    },
    says: "a part of the path is not a directory (ENOTDIR)",
  },
  {
    code: "IO",
    when: "the log is a directory",
    prepare: (workspace) => {
      mkdirSync(join(workspace.state, "holdfast.log"), { recursive: true, mode: 0o700 });
      return { words: ["run", "true"] };
    },
    says: "it is a directory (EISDIR)",
  },
  {
    code: "BUSY",
    when: "the lock is held (R3.1)",
    prepare: async (workspace) => {
      await holdLock(workspace, { id: "first" });
      return { words: ["start", "other", "--", "true"] };
    },
    says: "Session already active: first",
  },
  {
    code: "WAIT_TIMEOUT",
    when: "the lock is held for too long",
    prepare: async (workspace) => {
      await holdLock(workspace, { id: "first" });
      return { words: ["run", "-w", "0.1", "true"] };
    },
    says: "Gave up waiting after 0.1 s: first holds the lock",
  },
  {
    code: "AGENTS_RUNNING",
    when: "a keeper was killed (R3.2)",
    prepare: orphan,
    says: "1 agent process already running",
  },
  {
    code: "AGENTS_RUNNING",
    when: "an agent runs outside any session (R3.2)",
    prepare: async (workspace) => {
      workspace.configure({ agent: { match: "sleeper\\.sh|sleep 300" } });
      workspace.spawn(agent("sleeper.sh"));
      await workspace.announced("agent");
      return { words: ["start", "demo", "--", "true"] };
    },
    says: "already running, outside any session",
  },
  {
    code: "NOT_PERMITTED",
    when: "others can write to the state directory",
    prepare: (workspace) => {
      mkdirSync(workspace.state);
      chmodSync(workspace.state, 0o770);
      return { words: ["status"] };
    },
    says: "other users can write to it (mode 0770)",
  },
  {
    code: "NOT_PERMITTED",
    when: "the state directory is a symbolic link",
    prepare: (workspace) => {
      mkdirSync(join(workspace.root, "real"), { mode: 0o700 });
      symlinkSync("real", workspace.state);
      return { words: ["run", "true"] };
    },
    says: "it is a symbolic link",
  },
  {
    code: "NOT_PERMITTED",
    when: "the session belongs to somebody else",
    prepare: async (workspace) => {
      await startSession(workspace, agent("sleeper.sh"), { options: ["--owner", "ci"] });
      return { words: ["stop"] };
    },
    says: "demo belongs to ci",
  },
  {
    code: "CONFIG",
    when: "a key is unknown",
    prepare: configured('{\n  // A slip.\n  "agent": { "comand": ["x"] }\n}\n'),
    says: 'holdfast.json:3:14: agent.comand: unknown key, did you mean "command"?',
  },
  {
    code: "CONFIG",
    when: "a value is wrong",
    prepare: configured('{"stop":{"kill_after":"soon"}}'),
    says: "holdfast.json:1:23: stop.kill_after: expected",
  },
  { code: "CONFIG", when: "it is no JSON", prepare: configured("{,}"), says: "holdfast.json:1:2: not valid JSON" },
  {
    code: "LOCK_LOST",
    when: "somebody took the lock away while the command ran",
    prepare: (workspace) => ({
      words: ["run", "--", ...agent("sleeper.sh")],
      meanwhile: async (pid) => {
        await workspace.announced("agent");
        process.kill(pid, "SIGSTOP");
        renameSync(workspace.state, join(workspace.root, "away"));
        await holdLock(workspace, { id: "thief" });
        process.kill(pid, "SIGCONT");
      },
    }),
    says: "The lock was lost while the command ran; its processes were ended",
  },
  {
    code: "RUN_TIMEOUT",
    when: "the command runs too long",
    prepare: calling("run", "--timeout", "0.2", "sleep", "300"),
    says: "The command ran longer than 0.2 s and was ended",
  },
  {
    code: "IDLE_TIMEOUT",
    when: "the command is silent too long",
    prepare: calling("run", "--idle-timeout", "0.2", "sleep", "300"),
    says: "The command wrote nothing for 0.2 s and was ended",
  },
  {
    code: "NOT_EXECUTABLE",
    when: "run's file is no program",
    prepare: calling("run", "./.git"),
    says: "Command cannot be run: ./.git",
  },
  {
    code: "NOT_FOUND",
    when: "run's command does not exist",
    prepare: calling("run", "no-such"),
    says: "Command not found: no-such",
  },
  {
    code: "NOT_FOUND",
    when: "start's command does not exist",
    prepare: calling("start", "demo", "--", "no-such"),
    says: "Command not found: no-such",
  },
  {
    code: "START_FAILED",
    when: "the agent ends at once",
    prepare: () => ({ words: ["start", "demo", "--", ...agent("crashes.sh")] }),
    says: "The agent ended as soon as it had started (exit code 3)",
  },
];
