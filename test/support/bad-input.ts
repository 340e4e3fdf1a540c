import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { oddFiles, type Maker } from "./odd-files.ts";

const corpus = join(import.meta.dirname, "../fixtures/bad-input");

/** What is in the corpus, by the names of its files. */
export const badContents: ReadonlyMap<string, Buffer> = new Map(
  readdirSync(corpus).map((name) => [name, readFileSync(join(corpus, name))]),
);

/** Every way for a file to be bad: what may stand in its place, and what may stand in it. */
export const badFiles: readonly (readonly [string, Maker])[] = [
  ...Object.entries(oddFiles),
  ...[...badContents].map(([name, content]): readonly [string, Maker] => {
    return [name, (path) => writeFileSync(path, content, { mode: 0o600 })];
  }),
];
