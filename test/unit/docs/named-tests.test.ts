import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** A test file that a page names, and what it quotes of it. */
interface Named {
  readonly file: string;
  readonly quotes: readonly string[];
}

/** `test/cli/x.test.ts` (“what it says”) */
function namedIn(page: string): Named[] {
  const text = read(page).replaceAll(/\s+/g, " ");
  return [...text.matchAll(/`(test\/[\w./-]+)`(?: \(([^)]*)\))?/g)].map(([, file = "", remark = ""]) => {
    return { file, quotes: [...remark.matchAll(/“([^”]*)”/g)].map(([, quote = ""]) => quote) };
  });
}

describe.each(["docs/security.md", "docs/proof.md", "docs/decisions/0023-the-lock-before-the-disk.md"])(
  "%s",
  (page) => {
    it("names tests that there are, by words that are in them", () => {
      const named = namedIn(page);
      expect(named.length).toBeGreaterThan(0);
      for (const { file, quotes } of named) {
        expect({ file, exists: existsSync(join(root, file)) }).toEqual({ file, exists: true });
        const text = quotes.length === 0 ? "" : read(file);
        expect({ file, missing: quotes.filter((quote) => !text.includes(quote)) }).toEqual({ file, missing: [] });
      }
    });
  },
);
