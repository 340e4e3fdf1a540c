import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

/** Makes something at a path at which there is nothing. */
export type Maker = (path: string) => void;

export const makeFifo: Maker = (path) => void execFileSync("sh", ["-c", 'mkfifo "$0"', path]);

/** More than fits into a string of Node, and takes no room on the disk. */
const hugeBytes = 600_000_000;

/** What may stand in place of a file, of whichever kind. */
export const oddFiles: Readonly<Record<string, Maker>> = {
  "a FIFO": makeFifo,
  "a directory": (path) => mkdirSync(path),
  "a link to a device without an end": (path) => symlinkSync("/dev/zero", path),
  "a link to another file": (path) => symlinkSync("/etc/passwd", path),
  "a link to nothing": (path) => symlinkSync("/no/such/file", path),
  "a link to itself": (path) => symlinkSync(basename(path), path),
  "a huge file": (path) => {
    writeFileSync(path, "", { mode: 0o600 });
    truncateSync(path, hugeBytes);
  },
};
