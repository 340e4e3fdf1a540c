import { execFileSync } from "node:child_process";

/** Makes something at a path at which there is nothing. */
type Maker = (path: string) => void;

export const makeFifo: Maker = (path) => void execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
