import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waitInLine } from "../support/held-lock.ts";
import { schemaProblems } from "../support/output-schema.ts";
import { startSession } from "../support/sessions.ts";
import { openTerminal, whyNoTerminal } from "../support/terminal.ts";
import { bin, openWorkspace, type CallOptions, type Workspace } from "../support/workspace.ts";

const patient = { timeout: 60_000 };

/** What may be typed next, by the script's own way of asking. */
async function wordsAfter(workspace: Workspace, words: readonly string[], call: CallOptions = {}): Promise<string[]> {
  const told = await workspace.holdfast(["completion", "fish", "--", ...words], call);
  expect(told).toMatchObject({ exitCode: 0, stderr: "" });
  return told.stdout.split("\n").flatMap((line) => line.split("\t")[0] || []);
}

/** Where `holdfast` is found, as after `npm install -g`. */
function installedIn(workspace: Workspace): Readonly<Record<string, string>> {
  const directory = join(workspace.root, "../bin");
  mkdirSync(directory);
  symlinkSync(bin, join(directory, "holdfast"));
  return { PATH: `${directory}:${process.env["PATH"] ?? ""}` };
}

function whyNot(shell: string): string | null {
  return spawnSync(shell, ["-c", "true"]).status === 0 ? null : `${shell} is not installed`;
}

describe("completion", () => {
  it("completes commands, options and signals, by what they are declared to be", async () => {
    const workspace = openWorkspace();
    expect(await wordsAfter(workspace, ["st"])).toEqual(["start", "stop", "status", "stats"]);
    expect(await wordsAfter(workspace, ["stop", "--r"])).toEqual(["--reason"]);
    expect(await wordsAfter(workspace, ["stop", "-s", "TE"])).toEqual(["TERM"]);
    expect(await wordsAfter(workspace, ["stop", "--signal=TE"])).toEqual(["--signal=TERM"]);
    expect(await wordsAfter(workspace, ["completion", ""])).toEqual(["bash", "zsh", "fish"]);
    expect(await wordsAfter(workspace, ["run", "-n", ""])).toEqual([":files"]);
    expect(readdirSync(workspace.root)).toEqual([".git"]);
  });

  it("says what commands and options do, in the words of their help", async () => {
    const workspace = openWorkspace();
    const told = await workspace.holdfast(["completion", "zsh", "--", "status", "--c"]);
    expect(told.stdout).toContain("--check\texit 0 active, 1 orphaned or not readable, 3 no session\n");
    const help = await workspace.holdfast(["--help"]);
    for (const name of await wordsAfter(workspace, [""])) expect(help.stdout).toContain(`\n  ${name} `);
  });

  it("completes locks and the ids of sessions, of the lock and directory that was typed", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    await waitInLine(workspace, ["--id", "next", "true"]);
    await workspace.holdfast(["run", "--lock", "other", "--id", "past", "true"]);
    expect(await wordsAfter(workspace, ["--lock", ""])).toEqual(["other", "session"]);
    expect(await wordsAfter(workspace, ["stop", ""])).toEqual(["demo", "next"]);
    expect(await wordsAfter(workspace, ["stop", "n"])).toEqual(["next"]);
    expect(await wordsAfter(workspace, ["-l", "other", "stop", ""])).toEqual([]);
    expect(await wordsAfter(workspace, ["logs", "--session", ""])).toEqual(["demo", "next", "past"]);
    const elsewhere = openWorkspace();
    expect(await wordsAfter(elsewhere, ["-C", workspace.root, "stop", "d"])).toEqual(["demo"]);
    expect(await wordsAfter(elsewhere, ["stop", ""])).toEqual([]);
  });

  it("is silent where something is wrong, and changes nothing", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    workspace.write("holdfast.json", "{");
    expect(await wordsAfter(workspace, ["stop", ""])).toEqual(["demo"]);
    expect(await wordsAfter(workspace, ["-C", "nowhere", "stop", ""])).toEqual([]);
    expect(await wordsAfter(workspace, ["--lock", ""], { env: { HOLDFAST_DIR: "nowhere" } })).toEqual([]);
    expect(await wordsAfter(workspace, ["what", ""])).toEqual([]);
    rmSync(join(workspace.root, "holdfast.json"));
    await workspace.holdfast(["stop"]);
    workspace.write(".holdfast/claims/session.9", "damaged\n");
    const before = workspace.events();
    expect(await wordsAfter(workspace, ["stop", ""])).toEqual([]);
    expect(workspace.events()).toEqual(before);
  });

  it("is a document with --json, and refuses other shells", async () => {
    const workspace = openWorkspace();
    for (const words of [["bash"], ["bash", "--", "st"]]) {
      const told = await workspace.holdfast(["completion", "--json", ...words]);
      expect(schemaProblems("completion", told.json())).toEqual([]);
    }
    for (const words of [["tcsh"], [], ["bash", "zsh"]]) {
      expect(await workspace.holdfast(["completion", ...words])).toMatchObject({ exitCode: 64, stdout: "" });
    }
  });
});

describe("the script, in a shell that was told to complete", () => {
  /** Lines of a command line, and what is offered. HOLDFAST_JSON must not matter. */
  const offers: readonly (readonly [words: readonly string[], offered: readonly string[]])[] = [
    [["st"], ["start", "stop", "status", "stats"]],
    [["stop", ""], ["demo"]],
    [["stop", "-s", "TE"], ["TERM"]],
    [["run", "--", "ls", ""], []],
  ];

  it("bash", async ({ skip }) => {
    skip(whyNot("bash") !== null, whyNot("bash") ?? "");
    const workspace = openWorkspace();
    const env = { ...installedIn(workspace), HOLDFAST_JSON: "1" };
    await startSession(workspace);
    for (const [words, offered] of [...offers, [["--lock", "=", "se"], ["session"]] as const]) {
      const script =
        'source <(HOLDFAST_JSON=0 holdfast completion bash); COMP_WORDS=(holdfast "$@"); COMP_CWORD=$#; _holdfast; printf "%s\\n" "${COMPREPLY[@]}"';
      const told = await workspace.spawn(["bash", "--norc", "-uc", script, "bash", ...words], {
        env,
        input: "",
      }).ended;
      expect({ words, ...told }).toMatchObject({ exitCode: 0, stderr: "", stdout: `${offered.join("\n")}\n` });
    }
  });

  it("fish", async ({ skip }) => {
    skip(whyNot("fish") !== null, whyNot("fish") ?? "");
    const workspace = openWorkspace();
    const env = { ...installedIn(workspace), HOLDFAST_JSON: "1" };
    await startSession(workspace);
    workspace.write("a-file", "");
    for (const [words, offered] of [...offers.slice(0, 3), [["run", "--", "ls", "a-f"], ["a-file"]] as const]) {
      const script = `HOLDFAST_JSON=0 holdfast completion fish | source; complete -C'holdfast ${words.join(" ")}'`;
      const told = await workspace.spawn(["fish", "-c", script], { env, input: "" }).ended;
      expect({ words, ...told }).toMatchObject({ exitCode: 0, stderr: "" });
      const names = told.stdout.split("\n").flatMap((line) => line.split("\t")[0] || []);
      expect({ words, names: names.toSorted() }).toEqual({ words, names: offered.toSorted() });
    }
  });

  it.for([
    ["bash", "exec bash --norc --noprofile", 'eval "$(holdfast completion bash)"'],
    ["zsh", "exec zsh -f", 'autoload -U compinit && compinit -D -u && eval "$(holdfast completion zsh)"'],
  ] as const)("%s, at the press of a key", patient, async ([shell, become, load], { skip }) => {
    const why = whyNoTerminal ?? whyNot(shell);
    skip(why !== null, why ?? "");
    const workspace = openWorkspace();
    const { PATH } = installedIn(workspace);
    const terminal = await openTerminal(workspace);
    await startSession(workspace);
    workspace.write("a-file", "");
    await terminal.type(`export PS1='$ ' PATH='${PATH}'; ${become}`);
    await terminal.type(`${load}; export HOLDFAST_JSON=1; PS1='$ '; clear; echo ready`);
    await terminal.shows(/^ready\n/m);
    for (const [typed, completed] of [
      ["compl", "holdfast completion "],
      ["stop d", "holdfast stop demo "],
      ["--lock se", "holdfast --lock session "],
      ["run cat a-f", "holdfast run cat a-file "],
      ["logs --foll", "holdfast logs --follow "],
    ] as const) {
      await terminal.write(`holdfast ${typed}`);
      await terminal.press("Tab");
      await terminal.write(".");
      expect(await terminal.shows(`${completed}.`)).toContain("$ holdfast ");
      await terminal.press("C-c");
    }
  });
});
