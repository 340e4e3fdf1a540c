import { defineConfig } from "vitest/config";

/** One project a kind of test; those that run the built program get a build first. */
function project(name: string, setup: { globalSetup?: string; maxWorkers?: number; sequence?: object } = {}) {
  return { extends: true as const, test: { name, include: [`test/${name}/**/*.test.ts`], ...setup } };
}

const onTheBuiltProgram = { globalSetup: "test/support/build-if-stale.ts" };

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    retry: 0,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    setupFiles: process.env["COUNT_CHILDREN_IN"] === undefined ? [] : ["test/covered/count-children.ts"],
    reporters: ["default", "./test/support/plain-summary-reporter.ts"],
    // One part of it: test/covered/ puts it together with what other processes ran.
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["json"],
      reportsDirectory: "coverage/in-process",
      reportOnFailure: true,
    },
    projects: [
      project("unit"),
      project("contract", onTheBuiltProgram),
      project("cli", onTheBuiltProgram),
      // After all others, and one by one: they take the whole machine, and the others have their time limits.
      project("torture", { ...onTheBuiltProgram, maxWorkers: 1, sequence: { groupOrder: 1 } }),
    ],
  },
});
