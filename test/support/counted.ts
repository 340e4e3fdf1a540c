import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** Where programs that tests bundle are kept while `npm run coverage` counts what they run; null: nobody counts. */
export const bundlesCounted = countedIn(process.env["COUNT_CHILDREN_IN"]);

function countedIn(directory: string | undefined): string | null {
  if (directory === undefined) return null;
  const bundles = join(directory, "../bundles");
  mkdirSync(bundles, { recursive: true });
  return bundles;
}
