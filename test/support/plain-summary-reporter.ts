import type { Reporter, SerializedError, TestModule, TestRunEndReason } from "vitest/node";
import { lacking } from "./lacking.ts";

/**
 * Prints `N passed, N failed` on a line of its own, after vitest's summary, for programs that read logs.
 * Whatever makes the run fail counts as failed, also when no test carries it: a file that does not load, a hook that
 * throws, an error nobody caught. Skipped tests are in neither number: before it stands in which files they are, and why.
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
    for (const line of modules.flatMap(skippedIn)) console.log(line);
    console.log(`${passed} passed, ${failed} failed`);
  }
}

/** `skipped in test/cli/completion.test.ts: 2 (zsh is not here)` */
function skippedIn(module: TestModule): readonly string[] {
  const notes: string[] = [];
  for (const test of module.children.allTests("skipped")) {
    const result = test.result();
    notes.push(result.state === "skipped" && result.note !== undefined ? result.note : whatIsLacking);
  }
  if (notes.length === 0) return [];
  return [`skipped in ${module.relativeModuleId}: ${notes.length} (${[...new Set(notes)].join("; ")})`];
}

/** Of a test that says itself what it needs, by `skipIf`, or that `-t` has left out. */
const whatIsLacking = lacking().join(", ") || "not asked for";
