import { fstatSync, readSync } from "node:fs";

/** Bytes of a file, and where in it they lie. */
export interface FilePiece {
  readonly bytes: Buffer;
  /** The byte after them: reading on from here misses nothing and repeats nothing. */
  readonly endByte: number;
}

/**
 * Tells from which byte on a file is kept. What lies before may have been given back to the disk, and reads as NUL
 * bytes; the offsets of what follows stay. The answer rises before anything is given back, never after.
 */
export type KeptFrom = () => number;

/** Of a file of which nothing is given up. */
export const allKept: KeptFrom = () => 0;

/** The first byte that is kept of an open file; 0 for one that was truncated since, and begins anew. */
export function firstKept(descriptor: number, keptFrom: KeptFrom): number {
  const byte = keptFrom();
  return byte <= fstatSync(descriptor).size ? byte : 0;
}

/**
 * Reads at most so many bytes from a byte on, or from the first one that is kept: then the piece begins later than it
 * was asked for. Nothing of a hole is ever returned, also when it is made meanwhile. Empty at the end of the file.
 */
export function readKept(descriptor: number, fromByte: number, maxBytes: number, keptFrom: KeptFrom): FilePiece {
  const buffer = Buffer.allocUnsafe(maxBytes);
  for (let start = fromByte; ;) {
    const bytes = buffer.subarray(0, readSync(descriptor, buffer, 0, maxBytes, start));
    // A hole shows as NUL bytes, so that only these are worth a look at what is kept by now.
    const kept = bytes.includes(0) ? firstKept(descriptor, keptFrom) : 0;
    if (kept <= start) return { bytes, endByte: start + bytes.length };
    start = kept;
  }
}
