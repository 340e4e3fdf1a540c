import { readSync } from "node:fs";

/** Exactly `length` bytes from `start` on; null when the file has become shorter meanwhile. */
export function readChunk(descriptor: number, start: number, length: number): Buffer | null {
  const chunk = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const count = readSync(descriptor, chunk, filled, length - filled, start + filled);
    if (count === 0) return null;
    filled += count;
  }
  return chunk;
}
