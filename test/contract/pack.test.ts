import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { pack } from "../../build/pack.mjs";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** Each says when it runs, and what it has got of the others. */
const files = new Map([
  ["main.js", 'say("main"); require("./chunks/every.js"); require("node:fs"); require("./chunks/later.js").go();'],
  ["chunks/every.js", 'say("every"); exports.every = {}; exports.where = require("path").basename(__dirname);'],
  [
    "chunks/later.js",
    'say("later"); exports.early = 1; const ring = require("./ring.js"); exports.go = () => { say(ring.saw); require("./alone.js"); };',
  ],
  ["chunks/ring.js", 'say("ring"); exports.saw = "saw " + require("./later.js").early;'],
  [
    "chunks/alone.js",
    'say("alone"); const every = require("./every.js"); say(every === require("./every.js")); require("./later.js"); require("../main.js");',
  ],
]);

const packs = new Map([
  ["main.js", ["main.js", "chunks/every.js"]],
  ["chunks/commands.js", ["chunks/later.js", "chunks/ring.js"]],
]);

function saidBy(program: ReadonlyMap<string, string>): string {
  const directory = temporaryDirectory();
  for (const [name, code] of program) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }
  const start = `globalThis.say = (word) => console.log(word); require("./main.js")`;
  return execFileSync(process.execPath, ["-e", start], { cwd: directory, encoding: "utf8" });
}

it("leaves a program that does the same in the same order, from fewer files", () => {
  const packed = pack(files, packs, (name) => files.get(name) ?? "");
  expect([...packed.keys()]).toEqual(["chunks/alone.js", "main.js", "chunks/commands.js"]);
  const said = "main\nevery\nlater\nring\nsaw 1\nalone\ntrue\n";
  expect(saidBy(files)).toBe(said);
  expect(saidBy(packed)).toBe(said);
});

it("takes the code of each file as it is in the directory of its pack", () => {
  const asked: string[] = [];
  pack(files, packs, (name, directory) => {
    asked.push(`${name} in ${directory}`);
    return files.get(name) ?? "";
  });
  expect(asked).toEqual([
    "main.js in .",
    "chunks/every.js in .",
    "chunks/later.js in chunks",
    "chunks/ring.js in chunks",
  ]);
});
