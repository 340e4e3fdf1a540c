import type { Reporter, SerializedError, TestModule, TestRunEndReason } from "vitest/node";

/**
 * Prints `N passed, N failed` on a line of its own, after vitest's summary, for programs that read logs.
 * Whatever makes the run fail counts as failed, also when no test carries it: a file that does not load, a hook that
 * throws, an error nobody caught. Skipped tests are in neither number.
 */
// oxlint-disable-next-line import/no-default-export -- vitest loads a reporter by its path, and wants the default
export default class PlainSummaryReporter implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed += 1;
        if (state === "failed") failed += 1;
      }
    }
    // Nothing ran at all (the build failed, no test was found) is a failure too.
    if (failed === 0 && (reason !== "passed" || passed === 0)) failed = 1;
    console.log(`${passed} passed, ${failed} failed`);
  }
}
