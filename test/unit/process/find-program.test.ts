import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { findProgram } from "../../../src/process/find-program.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

describe("the file that a command's first word means", () => {
  let cwd: string;

  beforeEach(() => {
    cwd = temporaryDirectory();
    mkdirSync(join(cwd, "a"));
    for (const name of ["a/tool", "tool", "a/text"]) writeFileSync(join(cwd, name), "");
    for (const name of ["a/tool", "tool"]) chmodSync(join(cwd, name), 0o755);
  });

  function find(name: string, searchPath?: string) {
    return findProgram(name, { env: searchPath === undefined ? {} : { PATH: searchPath }, cwd });
  }

  it("is the first in PATH, an empty part of which is the working directory", () => {
    expect(find("tool", `${cwd}/b:${cwd}/a:${cwd}`)).toEqual({ path: join(cwd, "a/tool") });
    expect(find("tool", "/nowhere:")).toEqual({ path: join(cwd, "tool") });
    expect(find("sh")).toEqual({ path: expect.stringMatching(/^\/(usr\/)?bin\/sh$/) });
  });

  it("is a path when it has a slash", () => {
    expect(find("a/tool", "/nowhere")).toEqual({ path: join(cwd, "a/tool") });
    expect(find("./missing", cwd)).toBe("ENOENT");
  });

  it("is none where nothing has that name, and none that can be run where it is a directory or no program", () => {
    expect(find("", cwd)).toBe("ENOENT");
    expect(find("missing", `${cwd}/a:${cwd}/tool`)).toBe("ENOENT");
    expect(find("a", cwd)).toBe("EACCES");
    expect(find("text", `${cwd}/a`)).toBe("EACCES");
  });

  // As with a directory in PATH that only root may look into: that was said to be a bug in holdfast.
  it("may be where it cannot be looked for", () => {
    symlinkSync("loop", join(cwd, "loop"));
    expect(find("tool", `${cwd}/loop`)).toBe("EACCES");
    expect(find("tool", `${cwd}/loop:${cwd}/a`)).toEqual({ path: join(cwd, "a/tool") });
  });
});
