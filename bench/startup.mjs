/**
 * What a command costs before it does anything: each against `node -e 0` of the same binary.
 * `npm run bench -- startup [--rounds N]`
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { compare, timeOf } from "./measure.mjs";

const holdfast = fileURLToPath(new URL("../bin/holdfast.js", import.meta.url));

/** The most each may take, as a ratio to bare Node (docs/benchmarks.md tells where the time goes). */
const limits = { "--version": 1.25, status: 1.35, "run -- true": 1.5, start: 2.6 };

export async function startup({ rounds = 40 } = {}) {
  const project = await mkdtemp(path.join(tmpdir(), "holdfast-bench-"));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_")));
  const at = (...args) => ({ command: [process.execPath, holdfast, "-C", project, ...args], env });
  try {
    const results = await compare(
      [
        { name: "node -e 0", command: [process.execPath, "-e", "0"], env },
        { name: "--version", ...at("--version") },
        { name: "status", ...at("status") },
        { name: "run -- true", ...at("run", "--", "true") },
        {
          name: "start",
          ...at("start", "bench", "--", "sleep", "1000"),
          after: async () => void (await timeOf(at("stop", "bench"))),
        },
      ],
      { rounds },
    );
    for (const result of results) result.limit = limits[result.name] ?? null;
    return results;
  } finally {
    await timeOf(at("cleanup")).catch(() => undefined);
    await rm(project, { recursive: true, force: true });
  }
}
