import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { homeAt, type Home } from "../../../src/home/locate.ts";
import { checkState, ensureState } from "../../../src/home/state-directory.ts";
import { failureOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function newHome(): Home {
  const root = temporaryDirectory();
  return homeAt(root, join(root, ".holdfast"));
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("ensureState", () => {
  it("makes a directory for its user alone, that git does not see (R0.2)", () => {
    const home = newHome();
    ensureState(home);
    expect(readdirSync(home.state).toSorted()).toEqual([".gitignore", "claims", "queue", "sessions"]);
    expect(readFileSync(join(home.state, ".gitignore"), "utf8")).toBe("*\n");
    const modes = [home.state, home.claims, home.queue, home.sessions].map((path) => lstatSync(path).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o700, 0o700]);
    expect(checkState(home)).toBe("ready");
  });

  it("changes nothing the second time, and restores what was removed", () => {
    const home = newHome();
    ensureState(home);
    writeFileSync(join(home.claims, "session.1"), "kept");
    rmSync(home.queue, { recursive: true });
    ensureState(home);
    ensureState(home);
    expect(readdirSync(home.state).toSorted()).toEqual([".gitignore", "claims", "queue", "sessions"]);
    expect(readFileSync(join(home.claims, "session.1"), "utf8")).toBe("kept");
  });

  it("completes a directory that a crash left half made, without losing its .gitignore", () => {
    const home = newHome();
    mkdirSync(home.state, { mode: 0o700 });
    ensureState(home);
    expect(readdirSync(home.state)).toContain(".gitignore");
  });

  it("makes the directories above a state directory that is elsewhere", () => {
    const root = temporaryDirectory();
    const home = homeAt(root, join(root, "var/lib/state"));
    ensureState(home);
    expect(checkState(home)).toBe("ready");
  });

  it("says which path cannot be made, and why", () => {
    const root = temporaryDirectory();
    writeFileSync(join(root, "file"), "");
    const failure = failureOf(() => ensureState(homeAt(root, join(root, "file/state"))));
    expect(failure.code).toBe("CANNOT_CREATE");
    expect(failure.message).toContain(join(root, "file/state"));
  });
});

describe("checkState", () => {
  it("never makes anything", () => {
    const home = newHome();
    expect(checkState(home)).toBe("missing");
    expect(readdirSync(home.root)).toEqual([]);
  });

  it("refuses a symbolic link, wherever it leads", () => {
    const home = newHome();
    mkdirSync(join(home.root, "target"));
    symlinkSync("target", home.state);
    for (const refuse of [checkState, ensureState]) expectRefusal(() => refuse(home), "symbolic link", home.state);
    expect(readdirSync(join(home.root, "target"))).toEqual([]);
  });

  it("refuses a directory inside that is a symbolic link, as a cloned repository could bring it", () => {
    const home = newHome();
    ensureState(home);
    rmSync(home.claims, { recursive: true });
    symlinkSync(home.root, home.claims);
    expectRefusal(() => ensureState(home), "symbolic link", home.claims);
  });

  it("refuses a file", () => {
    const home = newHome();
    writeFileSync(home.state, "");
    const failure = expectRefusal(() => checkState(home), "not a directory", home.state);
    expect(failure.message).toContain("Remove or rename it.");
    expect(failure.next).toMatchObject([{ command: `ls -ld ${home.state}` }]);
  });

  it.each([checkState, ensureState])("never says to remove a file that HOLDFAST_STATE_DIR names (%o)", (look) => {
    const { root } = newHome();
    const file = join(root, "passwd");
    writeFileSync(file, "");
    const failure = expectRefusal(() => look(homeAt(root, file)), "not a directory", file);
    expect(failure.message).not.toContain("Remove");
    expect(failure.next).toMatchObject([{ command: `ls -ld ${file}` }]);
  });

  it.each([0o770, 0o707, 0o777, 0o1777])("refuses mode %o, and says how to take the right away", (mode) => {
    const home = newHome();
    mkdirSync(home.state);
    chmodSync(home.state, mode);
    const failure = expectRefusal(() => ensureState(home), "other users can write to it", home.state);
    expect(failure.next.map(({ command }) => command)).toEqual([`chmod -R go-w ${home.state}`]);
  });

  it("accepts a directory that others can only read", () => {
    const home = newHome();
    mkdirSync(home.state);
    chmodSync(home.state, 0o755);
    expect(checkState(home)).toBe("ready");
  });

  it("refuses another user's, also for root", () => {
    const home = newHome();
    ensureState(home);
    const owner = lstatSync(home.state).uid;
    vi.spyOn(process, "geteuid").mockReturnValue(owner === 0 ? 1000 : 0);
    const failure = expectRefusal(() => checkState(home), `belongs to ${userInfo().username}`, home.state);
    expect(failure.next).toMatchObject([{ command: `ls -ld ${home.state}` }]);
  });
});

function expectRefusal(action: () => unknown, reason: string, path: string): ReturnType<typeof failureOf> {
  const failure = failureOf(action);
  expect(failure.code).toBe("NOT_PERMITTED");
  expect(failure.message).toContain(reason);
  expect(failure.message).toContain(path);
  expect(failure.message).toContain("HOLDFAST_STATE_DIR");
  return failure;
}
