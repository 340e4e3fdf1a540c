import type * as fs from "node:fs";

type Failing = Pick<typeof fs, "linkSync" | "openSync" | "readdirSync" | "unlinkSync">;
export type FileCall = keyof Failing;

/** What stands in the way of a call on a path; throws in its place, or does something before it. */
type Fault = (call: FileCall, path: string) => void;

let fault: Fault = () => undefined;

/** From now on, for the faults that no file system here has. Call `noFault` when the test ends. */
export function setFault(next: Fault): void {
  fault = next;
}

export function noFault(): void {
  fault = () => undefined;
}

/** Fails so every call of this kind on such a path. */
export function failing(call: FileCall, path: RegExp, errno: string): Fault {
  return (called, on) => {
    if (called === call && path.test(on)) throw Object.assign(new Error(`${errno}: ${call}`), { code: errno });
  };
}

/** `node:fs` with these faults. In a test file: `vi.mock("node:fs", async (original) => withFaults(await original()))`. */
export function withFaults(real: typeof fs): typeof fs {
  const guarded = (call: FileCall, on: (given: readonly unknown[]) => unknown) =>
    function through(...given: unknown[]): unknown {
      fault(call, String(on(given)));
      return Reflect.apply(real[call], undefined, given);
    };
  return {
    ...real,
    linkSync: guarded("linkSync", ([, link]) => link),
    openSync: guarded("openSync", ([path]) => path),
    readdirSync: guarded("readdirSync", ([path]) => path),
    unlinkSync: guarded("unlinkSync", ([path]) => path),
  } as typeof fs;
}
