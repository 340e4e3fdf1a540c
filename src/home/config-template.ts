import schema from "../../schema/holdfast.schema.json";

/** What is used of the published schema. */
interface Key {
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Key>>;
  readonly $ref?: string;
}

/** As in this file's own source. */
const widest = 100;

const preamble = [
  "The configuration of holdfast: JSON with comments and trailing commas.",
  "Every key is optional. What is commented out is the default, or an example where that is said.",
];

/**
 * The text of a new holdfast.json. It is made from the published schema, so it has every key, with the words and the
 * default that stand there. All of them are commented out, as tsc and most daemons do it: the file says what there is,
 * and binds nobody to the defaults of the version that wrote it. Sections stand there, so that one line has to be
 * uncommented and no more.
 * @param command becomes `agent.command`; null leaves that commented out, too
 */
export function configTemplate(command: readonly string[] | null): string {
  const given = new Map(command === null ? [] : [["agent.command", command]]);
  return `${preamble.map((line) => `// ${line}\n`).join("")}{\n${textOf(schema.properties, "", given)}}\n`;
}

/** @param section what the names of these keys begin with: `agent.` */
function textOf(
  keys: Readonly<Record<string, Key>>,
  section: string,
  given: ReadonlyMap<string, readonly string[]>,
): string {
  const texts = Object.entries(keys).map(([name, key]) => {
    const { description = "", properties } = key;
    if (properties !== undefined) {
      const inside = textOf(properties, `${name}.`, given);
      return `${comment(description)}${JSON.stringify(name)}: {\n${inside}},\n`;
    }
    const value = given.get(section + name);
    if (value !== undefined) return `${comment(description)}${member(name, value)}`;
    const isExample = key.default == null || isEmpty(key.default);
    const shown = member(name, isExample ? exampleOf(key) : key.default);
    return `${comment(isExample ? `${description} For example:` : description)}// ${shown}`;
  });
  const lines = texts.join("\n").split("\n");
  return lines.map((line) => (line === "" ? "" : `  ${line}`)).join("\n");
}

function member(name: string, value: unknown): string {
  return `${JSON.stringify(name)}: ${spaced(value)},\n`;
}

/** On one line, as people write it. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, inner]) => `${JSON.stringify(name)}: ${spaced(inner)}`)
    .join(", ")} }`;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function exampleOf({ examples, $ref }: Key): unknown {
  const definition = Object.entries<Key>(schema.definitions).find(([name]) => $ref === `#/definitions/${name}`);
  return (examples ?? definition?.[1].examples)?.[0];
}

/** Words as lines of a comment. */
function comment(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > widest) lines.push(`// ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line) => `${line}\n`).join("");
}
