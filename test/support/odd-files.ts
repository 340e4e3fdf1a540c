import { execFileSync } from "node:child_process";

/** Makes a pipe at a path at which there is nothing. */
export const makeFifo = (path: string): void => void execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
