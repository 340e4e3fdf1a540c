import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { LoggedEvent } from "./workspace.ts";

/** Reads an event log as it grows, each byte once; one that was removed begins anew. */
export class EventLog {
  readonly events: LoggedEvent[] = [];
  /** Lines that are no events, which only a damaged log has. */
  readonly unreadable: string[] = [];
  readonly #path: string;
  #inode = 0;
  #offset = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** What is found there next is another file, though it may have the same inode number. */
  beginAnew(): void {
    this.#inode = 0;
  }

  /** Everything that was written up to now. */
  read(): readonly LoggedEvent[] {
    const text = this.#rest + this.#newText();
    const lines = text.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") continue;
      try {
        this.events.push(JSON.parse(line) as LoggedEvent);
      } catch {
        this.unreadable.push(line);
      }
    }
    return this.events;
  }

  #newText(): string {
    let descriptor: number;
    try {
      descriptor = openSync(this.#path, "r");
    } catch {
      return "";
    }
    try {
      const { ino, size } = fstatSync(descriptor);
      if (ino !== this.#inode) [this.#inode, this.#offset, this.#rest] = [ino, 0, ""];
      const bytes = Buffer.alloc(Math.max(0, size - this.#offset));
      const length = readSync(descriptor, bytes, 0, bytes.length, this.#offset);
      this.#offset += length;
      return bytes.toString("utf8", 0, length);
    } finally {
      closeSync(descriptor);
    }
  }
}
