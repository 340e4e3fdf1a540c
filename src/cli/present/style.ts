import type { Paint } from "./paint.ts";

/** What every formatter of text for people needs to know about where that text goes. */
export interface Style {
  readonly paint: Paint;
  readonly now: Date;
  /** What paths are shown relative to. */
  readonly cwd: string;
  readonly verbose: boolean;
  /** How to call holdfast on this lock: `holdfast`, or `holdfast --lock nightly`. */
  readonly invocation: string;
  /** Tells who reads this: another owner's session takes more to be stopped. */
  readonly env: NodeJS.ProcessEnv;
}

/** Lines that belong to the one above them. */
export const indent = (line: string): string => (line === "" ? "" : `   ${line}`);

/** Between facts on one line. */
export const separator = " · ";

/** `1 client`, `2 clients` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
