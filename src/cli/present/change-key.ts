import type { Fields } from "./json-documents.ts";

/** What time alone changes: ages, CPU, memory, and the moment something was last heard of. */
const passing = /^(?:active_seconds|uptime_seconds|waiting_seconds|resident_bytes|cpu_.*|last_.*)$/;

/** What a process changes between many times a second, without anything having happened. */
const busy: ReadonlySet<unknown> = new Set(["running", "sleeping", "other"]);

/**
 * A text that is the same for two documents of `status` as long as nothing but the passing of time lies between them.
 */
export function changeKey(document: Fields): string {
  return JSON.stringify(document, function key(this: Fields, name: string, value: unknown) {
    if (passing.test(name)) return undefined;
    return name === "state" && "ppid" in this && busy.has(value) ? "alive" : value;
  });
}
