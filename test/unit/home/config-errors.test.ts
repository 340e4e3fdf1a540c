import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/home/config-parse.ts";
import type { Failure } from "../../../src/failure.ts";
import { failureOf } from "../../support/failure-of.ts";

function failureOfFile(text: string): Failure {
  return failureOf(() => parseConfig({ text, path: "/p/holdfast.json", name: "holdfast.json", key: null }));
}

describe("errors in holdfast.json", () => {
  it("name file, line, column and key, what was expected and what was found", () => {
    const failure = failureOfFile(
      ["{", "  // stop it soon", '  "stop": {', '    "signal": "TERM",', '    "kill_after": "soon"', "  }", "}"].join(
        "\n",
      ),
    );
    expect(failure.code).toBe("CONFIG");
    expect(failure.message).toBe('holdfast.json:5:19: stop.kill_after: expected a duration such as "10s", got "soon"');
    expect(failure.facts).toMatchObject({ path: "/p/holdfast.json", line: 5, column: 19, key: "stop.kill_after" });
  });

  it.each([
    [`{"agnet": {}}`, '1:2: agnet: unknown key, did you mean "agent"?'],
    [`{"agent": {"stopCommand": []}}`, '1:12: agent.stopCommand: unknown key, did you mean "stop_command"?'],
    [`{"hooks": {"finished": "x"}}`, "1:12: hooks.finished: unknown key"],
    [`{"pulse": "auto", "pulse": "lease"}`, "1:19: pulse: given twice"],
    [`{"operations": {"__proto__": "x"}}`, "1:17: operations.__proto__: unknown key"],
    [`{"agent": []}`, "1:11: agent: expected an object, got []"],
    [
      `{"agent": {"command": "node x"}}`,
      '1:23: agent.command: expected a list such as ["node", "engine.js"], got "node x"',
    ],
    [`{"agent": {"command": []}}`, '1:23: agent.command: expected a list such as ["node", "engine.js"], got []'],
    [`{"agent": {"command": ["node", 7]}}`, "1:32: agent.command[1]: expected a text, got 7"],
    [`{"agent": {"command": [""]}}`, '1:23: agent.command: expected a program to run in first place, got [""]'],
    [`{"agent": {"kind": "daemon"}}`, '1:20: agent.kind: expected one of "foreground", "launcher", got "daemon"'],
    [`{"agent": {"match": "("}}`, '1:21: agent.match: expected a regular expression (Unterminated group), got "("'],
    [
      `{"agent": {"match": "${"[a-z]".repeat(100_000)}"}}`,
      "1:21: agent.match: expected a regular expression (Regular expression too large), got",
    ],
    [
      `{"operations": {"a b": "["}}`,
      "1:24: operations.a b: expected a regular expression (Unterminated character class)",
    ],
    [`{"stop": {"signal": "SIGFOO"}}`, '1:21: stop.signal: expected a signal such as "SIGTERM", got "SIGFOO"'],
    [`{"stop": {"kill_after": -1}}`, '1:25: stop.kill_after: expected a duration such as "10s", got -1'],
    [
      `{"limits": {"max_time": 0}}`,
      '1:25: limits.max_time: expected a duration above 0 such as "2h", at most 10 years, or null',
    ],
    [
      `{"limits": {"max_time": "3651d"}}`,
      '1:25: limits.max_time: expected a duration above 0 such as "2h", at most 10 years',
    ],
    [`{"limits": {"max_output": "much"}}`, '1:27: limits.max_output: expected a size above 0 such as "100MB"'],
    [`{"limits": {"reap_orphans": "yes"}}`, '1:29: limits.reap_orphans: expected true or false, got "yes"'],
    [`{"retention": {"keep": 1.5}}`, "1:24: retention.keep: expected a whole number from 0 to 100000, got 1.5"],
    [`{"retention": {"keep": 1e999}}`, "1:24: retention.keep: expected a whole number from 0 to 100000, got Infinity"],
    [`\ufeff{"agnet": {}}`, '1:2: agnet: unknown key, did you mean "agent"?'],
    [`{"pulse": "fast"}`, '1:11: pulse: expected one of "auto", "kernel", "lease", got "fast"'],
    ["[]", "1:1: expected an object, got []"],
    ["null", "1:1: expected an object, got null"],
    ["", "1:1: not valid JSON: "],
    [`{\n  "pulse": "auto"\n  "stop": {}\n}`, "3:3: not valid JSON: comma expected"],
    [`{"pulse": }`, "1:11: not valid JSON: value expected"],
  ])("%s", (text, message) => {
    const failure = failureOfFile(text);
    expect(failure.code).toBe("CONFIG");
    expect(failure.message).toContain(`holdfast.json:${message}`);
  });

  it("are all reported at once, in the order of the file", () => {
    const failure = failureOfFile(
      `{\n  "pulse": "fast",\n  "colour": 1,\n  "agent": {\n    "comand": ["x"],\n    "match": "("\n  }\n}`,
    );
    expect(failure.message.split("\n").map((line) => line.split(": ").slice(0, 2).join(" "))).toEqual([
      "holdfast.json:2:12 pulse",
      "holdfast.json:3:3 colour",
      "holdfast.json:5:5 agent.comand",
      "holdfast.json:6:14 agent.match",
    ]);
    expect(failure.facts["problems"]).toMatchObject([
      { line: 2, column: 12, key: "pulse" },
      { line: 3, column: 3, key: "colour" },
      { line: 5, column: 5, key: "agent.comand" },
      { line: 6, column: 14, key: "agent.match" },
    ]);
  });

  it("show what they quote on one line, short and without control characters", () => {
    const { message } = failureOfFile(`{"pulse": "\u009b2J${"x".repeat(10_000)}", "\\u001b[1m": 1}`);
    expect(message).toContain(String.raw`got "\x9b2J`);
    expect(message).toContain(String.raw`\x1b[1m: unknown key`);
    expect(message.length).toBeLessThan(300);
  });

  it.each([100, 1000, 2000, 3000, 4000, 6000, 100_000])("end a file that is nested beyond reason, %d deep", (depth) => {
    const { message } = failureOfFile(`{"agent": ${"[".repeat(depth)}${"]".repeat(depth)}}`);
    // Whether it can be parsed, or even quoted, is a question of the stack.
    expect(message).toMatch(/^holdfast\.json:1:(?:1: nested too deeply|11: agent: expected an object, got \[+…)$/);
  });

  it("count lines as editors do, whatever ends them", () => {
    expect(failureOfFile(`{\r\n"pulse":\r\n1}`).message).toContain("holdfast.json:3:1: pulse");
  });
});
