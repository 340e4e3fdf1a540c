/**
 * `node bare-lock.mjs FILE COMMAND…`: runs a command under a kernel lock on a file, and that is all: nobody is told who has
 * it, nothing is written, nothing that the command left is ended, and the order is the kernel's. The least that a program
 * of Node's can do, with the same native part as holdfast.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";

const locks = createRequire(import.meta.url)("fs-native-extensions");

const [file, program, ...args] = process.argv.slice(2);
const descriptor = openSync(file, "a+");
await locks.waitForLock(descriptor);
const child = spawn(program, args, { stdio: "inherit" });
child.once("exit", (code) => {
  // Which unlocks it, too.
  closeSync(descriptor);
  process.exitCode = code ?? 1;
});
