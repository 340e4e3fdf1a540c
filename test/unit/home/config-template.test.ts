import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/home/config-parse.ts";
import { hookNames } from "../../../src/home/setting-names.ts";
import { sections, topLevelKeys } from "../../../src/home/config-schema.ts";
import { configTemplate } from "../../../src/home/config-template.ts";

function parsed(text: string) {
  return parseConfig({ text, path: "/holdfast.json", name: "holdfast.json", key: null });
}

/** As somebody leaves it who wants everything. */
function uncommented(text: string): string {
  return text.replaceAll(/^( *)\/\/ (?=")/gm, "$1");
}

describe("a new holdfast.json", () => {
  it("has every key, and is accepted with all of them commented out", () => {
    const empty = Object.fromEntries(Object.keys(sections).map((name) => [name, {}]));
    expect(parsed(configTemplate(null))).toEqual(empty);
  });

  it("is accepted with every key in it, so that each line says what may stand there", () => {
    const everything = parsed(uncommented(configTemplate(null)));
    expect(Object.keys(everything ?? {})).toEqual(topLevelKeys);
    for (const [name, entries] of Object.entries(sections)) {
      expect(Object.entries(everything ?? {}).find(([key]) => key === name)?.[1]).toSatisfy((section: object) => {
        return Object.keys(entries).every((key) => Object.hasOwn(section, key));
      });
    }
    expect(Object.keys(everything?.hooks ?? {})).toEqual(hookNames);
  });

  it("has a comment above every key", () => {
    const lines = configTemplate(null).split("\n");
    const keys = lines.flatMap((line, index) => (/^ *(?:\/\/ )?"/.test(line) ? [lines[index - 1]] : []));
    expect(keys).toHaveLength(topLevelKeys.length + Object.values(sections).flatMap(Object.keys).length);
    expect(keys.filter((above) => !/^ *\/\/ \P{Cc}+$/u.test(above ?? ""))).toEqual([]);
  });

  it("has the command it was given, word by word", () => {
    const command = ["node", "a b.js", `--name="it's \\ \u2028🔒"`, ""];
    expect(parsed(configTemplate(command))?.agent).toEqual({ command });
  });
});
