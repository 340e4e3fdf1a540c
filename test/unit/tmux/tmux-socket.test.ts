import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { distrust, ensureSocketDirectory, listTmuxSockets, tmuxSocket } from "../../../src/tmux/tmux-socket.ts";
import { failureOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const uid = "01m7yxjfqprkmppjqfrxgy9vwy";
const isRoot = process.getuid?.() === 0;
/** Any user but this one. */
const somebody = 65_534;

/** Where a session's socket would be, below a directory of its own: nothing of it is there yet. */
function newPlace(): {
  readonly state: string;
  readonly directory: string;
  readonly socket: string;
  readonly env: { TMUX_TMPDIR: string };
} {
  const root = temporaryDirectory();
  const env = { TMUX_TMPDIR: root };
  const socket = tmuxSocket(root, uid, env);
  return { state: root, directory: join(root, `tmux-${process.getuid?.() ?? 0}`), socket, env };
}

async function listenAt(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  onTestFinished(() => void server.close());
}

describe("the socket of a session's tmux", () => {
  it("is trusted where nothing is there, and when it is this user's, in a directory that is", async () => {
    const { state, socket, env } = newPlace();
    expect(distrust(socket)).toBeNull();
    expect(listTmuxSockets(state, env)).toEqual([]);
    ensureSocketDirectory(socket);
    ensureSocketDirectory(socket);
    expect(distrust(socket)).toBeNull();
    await listenAt(socket);
    expect(distrust(socket)).toBeNull();
    expect(listTmuxSockets(state, env)).toEqual([{ path: socket, uid }]);
  });

  it("is no other session's, nor another directory's", () => {
    const { directory, socket, env } = newPlace();
    mkdirSync(directory);
    for (const name of [basename(socket), "default", "holdfast-", `${basename(socket)}.old`])
      writeFileSync(join(directory, name), "");
    expect(listTmuxSockets("/elsewhere", env)).toEqual([]);
  });

  it.each<[string, string, (directory: string) => void]>([
    ["a file", "its directory is none, or a symbolic link", (directory) => writeFileSync(directory, "")],
    ["a link", "its directory is none, or a symbolic link", (directory) => symlinkSync("/tmp", directory)],
    [
      "a directory that others can write to",
      "other users can write to its directory",
      (directory) => {
        mkdirSync(directory);
        chmodSync(directory, 0o777);
      },
    ],
  ])("is refused, and none is listed, where %s is in the place of its directory", (_, reason, plant) => {
    const { state, directory, socket, env } = newPlace();
    plant(directory);
    expect(distrust(socket)).toBe(reason);
    expect(listTmuxSockets(state, env)).toEqual([]);
    expect(failureOf(() => ensureSocketDirectory(socket))).toMatchObject({ code: "NOT_PERMITTED", facts: { reason } });
  });

  it.skipIf(!isRoot)(
    "is refused where its directory, or the socket itself, is another user's (needs root)",
    async () => {
      const { state, directory, socket, env } = newPlace();
      mkdirSync(directory, { mode: 0o700 });
      await listenAt(socket);
      chownSync(socket, somebody, somebody);
      expect(distrust(socket)).toBe(`it belongs to user id ${somebody}`);
      chownSync(directory, somebody, somebody);
      expect(distrust(socket)).toBe(`its directory belongs to user id ${somebody}`);
      expect(listTmuxSockets(state, env)).toEqual([]);
    },
  );

  it("is refused when it is no socket, and when it cannot be looked at", () => {
    const { directory, socket } = newPlace();
    mkdirSync(directory);
    writeFileSync(socket, "");
    expect(distrust(socket)).toBe("it is no socket");
    expect(distrust(join(socket, "below", "socket"))).toMatch(/^it cannot be looked at: .*\(ENOTDIR\)$/);
  });

  it("is in /tmp where TMUX_TMPDIR names no directory, as tmux has it", () => {
    const { state, socket } = newPlace();
    const inTmp = tmuxSocket(state, uid, { TMUX_TMPDIR: "/nowhere" });
    expect(inTmp).toBe(tmuxSocket(state, uid, {}));
    expect(inTmp).toMatch(/\/tmp\/tmux-\d+\/holdfast-/);
    expect(basename(inTmp)).toBe(basename(socket));
  });
});
