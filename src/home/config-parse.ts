import {
  findNodeAtLocation,
  getNodeValue,
  parseTree,
  printParseErrorCode,
  type Node,
  type ParseError,
} from "jsonc-parser";
import { safeParse } from "valibot";
import { Failure } from "../failure.ts";
import { closest } from "./closest.ts";
import { configSchema, sections, topLevelKeys, type ConfigFile } from "./config-schema.ts";
import { escapeControl } from "./names.ts";

export interface ConfigSource {
  readonly text: string;
  readonly path: string;
  /** How messages call the file: relative to the root. */
  readonly name: string;
  /** The key of the file that holds the configuration; null: the whole file does. */
  readonly key: string | null;
}

type Path = readonly (string | number)[];

interface Problem {
  readonly offset: number;
  readonly key: string;
  readonly message: string;
}

/**
 * Parses and checks a configuration file: JSON with comments and trailing commas.
 * @returns what it says, durations in milliseconds and sizes in bytes; null when it lacks the source's key
 * @throws Failure `CONFIG`, see `loadConfig`
 */
export function parseConfig(source: ConfigSource): ConfigFile | null {
  // Without a byte order mark, which editors do not count.
  const text = source.text.replace(/^\ufeff/, "");
  try {
    return parseAndCheck(source, text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw failure(source, text, [{ offset: 0, key: "", message: "nested too deeply" }]);
  }
}

/** @throws RangeError when the stack is too small for it, which may show wherever something goes through it. */
function parseAndCheck(source: ConfigSource, text: string): ConfigFile | null {
  const root = parseText(source, text);
  const base: Path = source.key === null ? [] : [source.key];
  const node = findNodeAtLocation(root, [...base]);
  if (node === undefined) return null;
  const result = safeParse(configSchema, getNodeValue(node));
  const wrongValues = (result.issues ?? []).map((issue) => {
    const path = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
    return wrongValue(node, base, path, issue.message);
  });
  const problems = [...unknownKeys(node, base), ...wrongValues];
  if (problems.length === 0 && result.success) return result.output;
  throw failure(source, text, problems);
}

function wrongValue(node: Node, base: Path, path: Path, expected: string): Problem {
  const value = findNodeAtLocation(node, [...path]);
  const got = value === undefined ? "nothing" : shorten(valueText(getNodeValue(value)));
  return {
    offset: (value ?? node).offset,
    key: shownPath([...base, ...path]),
    message: `expected ${expected}, got ${got}`,
  };
}

/** JSON has no word for a number as large as `1e999`, which it can spell. */
function valueText(value: unknown): string {
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

/** The first syntax error only: those after it mostly follow from it. */
function parseText(source: ConfigSource, text: string): Node {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined || root === undefined) {
    const message = `not valid JSON: ${first === undefined ? "empty" : syntaxErrorOf(first)}`;
    throw failure(source, text, [{ offset: first?.offset ?? 0, key: "", message }]);
  }
  return root;
}

/** `CommaExpected` as "comma expected". */
function syntaxErrorOf(error: ParseError): string {
  return printParseErrorCode(error.error)
    .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`)
    .toLowerCase();
}

/** Keys that the schema does not have, and keys given twice, in the whole file. */
function* unknownKeys(node: Node, base: Path): Generator<Problem> {
  yield* wrongKeysOf(node, base, topLevelKeys);
  for (const [name, entries] of Object.entries(sections)) {
    const section = findNodeAtLocation(node, [name]);
    if (section !== undefined) yield* wrongKeysOf(section, [...base, name], Object.keys(entries));
  }
  const operations = findNodeAtLocation(node, ["operations"]);
  if (operations !== undefined) yield* wrongKeysOf(operations, [...base, "operations"], null);
}

function* wrongKeysOf(object: Node, base: Path, known: readonly string[] | null): Generator<Problem> {
  const seen = new Set<string>();
  for (const property of object.type === "object" ? (object.children ?? []) : []) {
    const name = String(property.children?.[0]?.value);
    const key = shownPath([...base, name]);
    if (known === null ? name === "__proto__" : !known.includes(name)) {
      const meant = closest(name, known ?? []);
      const hint = meant === null ? "" : `, did you mean "${meant}"?`;
      yield { offset: property.offset, key, message: `unknown key${hint}` };
    } else if (seen.has(name)) {
      yield { offset: property.offset, key, message: "given twice" };
    }
    seen.add(name);
  }
}

function failure(source: ConfigSource, text: string, found: readonly Problem[]): Failure {
  const problems = found
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ offset, key, message }) => {
      const { line, column } = positionOf(text, offset);
      return { line, column, key, message };
    });
  const lines = problems.map(({ line, column, key, message }) => {
    const about = key === "" ? message : `${key}: ${message}`;
    return escapeControl(`${source.name}:${line}:${column}: ${about}`);
  });
  const [first] = problems;
  return new Failure("CONFIG", lines.join("\n"), {
    facts: { path: source.path, line: first?.line, column: first?.column, key: first?.key, problems },
  });
}

/** Line and column as editors count them, from 1. */
function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** `agent.command[0]` */
function shownPath(path: Path): string {
  return path.reduce<string>((shown, part) => {
    if (typeof part === "number") return `${shown}[${part}]`;
    return shown === "" ? part : `${shown}.${part}`;
  }, "");
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
