import * as v from "valibot";
import { readDuration, readSize } from "./duration.ts";
import { whyNoPattern } from "./pattern.ts";
import { readSignal } from "./signals.ts";
import { hookNames, pulseChoices } from "./setting-names.ts";

/*
 * The shape of the configuration file. Each message is what was expected, in the words of "expected …, got …".
 * Unknown keys are found by `config-parse.ts`, all of them at once; here they are ignored.
 */

type Entries = v.ObjectEntries;

/** valibot takes an array for an object. */
function section<const Shape extends Entries>(entries: Shape) {
  const message = "an object";
  return v.pipe(
    v.custom<Record<string, unknown>>((input) => isObject(input), message),
    v.object(entries, message),
  );
}

function isObject(input: unknown): boolean {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

function text(message: string) {
  return v.pipe(v.string(message), v.nonEmpty(message), v.excludes("\0", message));
}

const command = v.pipe(
  v.array(v.pipe(v.string("a text"), v.excludes("\0", "a text without NUL")), 'a list such as ["node", "engine.js"]'),
  v.minLength(1, 'a list such as ["node", "engine.js"]'),
  v.check((words) => words[0] !== "", "a program to run in first place"),
);

const regularExpression = v.pipe(
  text("a regular expression"),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const reason = whyNoPattern(dataset.value);
    if (reason !== null) addIssue({ message: `a regular expression (${reason})` });
  }),
);

/** A number or text that `read` makes a number of. A JSON number is read like the same number as text. */
function quantity(read: (text: string) => number | null, expected: string, least: number) {
  return v.pipe(
    v.union([v.string(), v.number()], expected),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      // Never "1e-7", which no duration is.
      const value = read(typeof dataset.value === "number" ? dataset.value.toFixed(3) : dataset.value);
      if (value !== null && value >= least) return value;
      addIssue({ message: expected });
      return NEVER;
    }),
  );
}

const duration = quantity(readDuration, 'a duration such as "10s"', 0);
const timeLimit = v.nullable(
  quantity(readDuration, 'a duration above 0 such as "2h", at most 10 years, or null for no limit', 1),
);
const sizeLimit = v.nullable(quantity(readSize, 'a size above 0 such as "100MB", or null for no limit', 1));

const signalMessage = 'a signal such as "SIGTERM"';
const signal = v.pipe(
  v.union([v.string(), v.number()], signalMessage),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const name = readSignal(String(dataset.value));
    if (name !== null) return name;
    addIssue({ message: signalMessage });
    return NEVER;
  }),
);

const keepMessage = "a whole number from 0 to 100000";
const keep = v.pipe(
  v.number(keepMessage),
  v.integer(keepMessage),
  v.minValue(0, keepMessage),
  v.maxValue(100_000, keepMessage),
);

function oneOf<const Choices extends readonly string[]>(choices: Choices) {
  return v.picklist(choices, `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`);
}

/** The names shown by `status`: no control characters. */
const operationName = v.pipe(v.string(), v.regex(/^\P{Cc}{1,64}$/u, "a name of 1 to 64 characters"));

/** The sections with a fixed set of keys, where `config-parse.ts` looks up the known ones. */
export const sections = {
  agent: {
    command: v.nullish(command),
    kind: v.optional(oneOf(["foreground", "launcher"])),
    stop_command: v.nullish(command),
    match: v.nullish(regularExpression),
    pid_file: v.nullish(text("a path")),
  },
  stop: { signal: v.optional(signal), kill_after: v.optional(duration) },
  limits: {
    max_time: v.optional(timeLimit),
    idle: v.optional(timeLimit),
    max_output: v.optional(sizeLimit),
    reap_orphans: v.optional(v.boolean("true or false")),
  },
  retention: { listed: v.optional(duration), output: v.optional(duration), keep: v.optional(keep) },
  hooks: Object.fromEntries(hookNames.map((name) => [name, v.optional(text("a shell command"))])),
} as const satisfies Record<string, Entries>;

const topLevel = {
  $schema: v.optional(v.string("a text")),
  agent: v.optional(section(sections.agent)),
  operations: v.optional(
    v.pipe(
      v.custom<Record<string, unknown>>(isObject, "an object"),
      v.record(operationName, regularExpression, "an object"),
    ),
  ),
  stop: v.optional(section(sections.stop)),
  limits: v.optional(section(sections.limits)),
  retention: v.optional(section(sections.retention)),
  hooks: v.optional(section(sections.hooks)),
  pulse: v.optional(oneOf(pulseChoices)),
} as const satisfies Entries;

export const topLevelKeys: readonly string[] = Object.keys(topLevel);
export const configSchema = section(topLevel);

export type ConfigFile = v.InferOutput<typeof configSchema>;
