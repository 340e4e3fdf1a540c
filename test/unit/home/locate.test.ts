import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { locateHome } from "../../../src/home/locate.ts";
import { failureOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** Nested directories without a mark. */
function nested(): { top: string; middle: string; bottom: string } {
  const top = temporaryDirectory();
  const middle = join(top, "middle");
  const bottom = join(middle, "bottom");
  mkdirSync(bottom, { recursive: true });
  return { top, middle, bottom };
}

describe("locateHome", () => {
  it("lays the state out under the root (R0.2)", () => {
    const { top } = nested();
    const home = locateHome({ dir: top, env: {}, cwd: "/" });
    expect(home).toMatchObject({
      root: top,
      state: join(top, ".holdfast"),
      log: join(top, ".holdfast/holdfast.log"),
      claims: join(top, ".holdfast/claims"),
      queue: join(top, ".holdfast/queue"),
    });
    expect(home.lockLink("session")).toBe(join(top, ".holdfast/session.lock"));
    expect(home.sessionDir("u1")).toBe(join(top, ".holdfast/sessions/u1"));
  });

  it("takes --dir before HOLDFAST_DIR before the nearest marked directory", () => {
    const { top, middle, bottom } = nested();
    mkdirSync(join(middle, ".git"));
    expect(locateHome({ dir: top, env: { HOLDFAST_DIR: bottom }, cwd: bottom }).root).toBe(top);
    expect(locateHome({ env: { HOLDFAST_DIR: ".." }, cwd: middle }).root).toBe(top);
    expect(locateHome({ env: {}, cwd: bottom }).root).toBe(middle);
    expect(locateHome({ env: { HOLDFAST_DIR: "" }, cwd: bottom }).root).toBe(middle);
  });

  it("takes the nearest of several marks, be it .holdfast or .git, also a worktree's .git file", () => {
    const { top, middle, bottom } = nested();
    mkdirSync(join(top, ".holdfast"));
    expect(locateHome({ env: {}, cwd: bottom }).root).toBe(top);
    writeFileSync(join(middle, ".git"), "gitdir: elsewhere\n");
    expect(locateHome({ env: {}, cwd: bottom }).root).toBe(middle);
    mkdirSync(join(bottom, ".holdfast"));
    expect(locateHome({ env: {}, cwd: bottom }).root).toBe(bottom);
  });

  it("takes the current directory where nothing is marked", () => {
    const { bottom } = nested();
    expect(locateHome({ env: {}, cwd: bottom }).root).toBe(bottom);
  });

  it("gives one root for all paths that lead to it", () => {
    const { top, middle } = nested();
    const alias = join(top, "alias");
    symlinkSync(middle, alias);
    mkdirSync(join(middle, ".git"));
    expect(locateHome({ dir: alias, env: {}, cwd: "/" }).root).toBe(realpathSync(middle));
    expect(locateHome({ env: {}, cwd: join(alias, "bottom") }).root).toBe(realpathSync(middle));
  });

  it("puts the state where HOLDFAST_STATE_DIR says, relative to the root or absolute", () => {
    const { top, bottom } = nested();
    const locate = (state: string): string =>
      locateHome({ dir: top, env: { HOLDFAST_STATE_DIR: state }, cwd: bottom }).state;
    expect(locate("var/state")).toBe(join(top, "var/state"));
    expect(locate("/var/lib/holdfast")).toBe("/var/lib/holdfast");
    expect(locate("")).toBe(join(top, ".holdfast"));
  });

  it("refuses a directory that does not exist, or is none, naming the option and the path", () => {
    const { top } = nested();
    const file = join(top, "file");
    writeFileSync(file, "");
    const missing = failureOf(() => locateHome({ dir: "no\u001bwhere", env: {}, cwd: top }));
    expect(missing.code).toBe("USAGE");
    expect(missing.message).toBe(`--dir: this directory does not exist\n${top}/no\\x1bwhere`);
    const none = failureOf(() => locateHome({ env: { HOLDFAST_DIR: file }, cwd: top }));
    expect(none.code).toBe("USAGE");
    expect(none.message).toBe(`HOLDFAST_DIR: not a directory\n${file}`);
    expect(failureOf(() => locateHome({ dir: "", env: {}, cwd: top })).code).toBe("USAGE");
  });
});
