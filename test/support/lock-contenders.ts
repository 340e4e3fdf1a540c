import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { bundlesCounted } from "./counted.ts";
import { LockChannel } from "./lock-channel.ts";
import type { LockPlace } from "./lock-place.ts";

const root = join(import.meta.dirname, "../..");

/** A contender in a process of its own, as a test drives it. */
export interface Contender extends LockChannel {
  /** Sends the signal to this very process; a SIGKILL returns when it is gone and reaped. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Lets it go on that stands still. */
  goOn(): void;
  readonly exited: Promise<void>;
  /** The one process it may spawn, once `spawnHeir` or `spawnBystander` has been answered. */
  readonly child: LockChannel;
}

/** The contender program, bundled once for a test file; call it at the file's top level. */
export function useContenders(): (place: LockPlace) => Promise<Contender> {
  let directory = "";
  beforeAll(async () => {
    directory = mkdtempSync(join(bundlesCounted ?? realpathSync(tmpdir()), "holdfast-contender-"));
    await bundle(join(directory, "contender.cjs"));
  });
  afterAll(() => {
    if (bundlesCounted === null) rmSync(directory, { recursive: true, force: true });
  });
  return (place) => startContender(join(directory, "contender.cjs"), place);
}

async function bundle(outfile: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ["test/fixtures/lock/contender.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["fs-native-extensions"],
    // `import()` becomes a `require`, which finds packages by NODE_PATH.
    supported: { "dynamic-import": false },
    sourcemap: bundlesCounted === null ? false : "external",
    logLevel: "warning",
  });
}

async function startContender(program: string, place: LockPlace): Promise<Contender> {
  const child = spawn(process.execPath, [program, JSON.stringify(place)], {
    stdio: ["pipe", "pipe", "inherit", "pipe", "pipe", "pipe"],
    env: { ...process.env, NODE_PATH: join(root, "node_modules") },
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const pipes = child.stdio as unknown as readonly [Writable, Readable, null, Writable, Readable, Writable];
  const heirGone = new Promise<void>((resolve) => pipes[4].once("close", resolve));
  const channel = new LockChannel(pipes[0], pipes[1]);
  const heir = new LockChannel(pipes[3], pipes[4]);
  onTestFinished(async () => {
    if (bundlesCounted !== null) await letItCount(pipes[0], exited);
    child.kill("SIGKILL");
    await exited;
    // What it spawned ends with its standard input, and its standard output with it.
    pipes[3].destroy();
    await heirGone;
  });
  await channel.ready;
  const signal = (name: NodeJS.Signals): Promise<void> => signalChild(child, name, exited);
  const goOn = (): void => void pipes[5].write("\n");
  return Object.assign(channel, { signal, goOn, exited, child: heir });
}

/** What a process has run is written when it ends by itself, which this one does without its input. */
async function letItCount(input: Writable, exited: Promise<void>): Promise<void> {
  input.end();
  await Promise.race([exited, sleep(500)]);
}

async function signalChild(child: ChildProcess, signal: NodeJS.Signals, exited: Promise<void>): Promise<void> {
  child.kill(signal);
  if (signal === "SIGKILL") await exited;
}
