import { openPresenter } from "../../../src/cli/present/open-presenter.ts";
import type { OutputStream } from "../../../src/cli/present/output-stream.ts";
import type { Presenter, PresenterOptions } from "../../../src/cli/present/presenter.ts";
import { now } from "./samples.ts";

export interface Captured {
  readonly presenter: Presenter;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Both streams, as a golden file keeps them. */
  readonly transcript: () => string;
}

export interface CaptureOptions extends Partial<PresenterOptions> {
  readonly json?: boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** A presenter that writes into memory, at a fixed time and without colour unless told otherwise. */
export async function capture(options: CaptureOptions = {}): Promise<Captured> {
  const { isTTY = false, columns, json = false, ...rest } = options;
  const written = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof written): OutputStream => {
    const write = (text: string) => void (written[name] += text);
    return { isTTY, columns, colorDepth: isTTY ? 8 : 1, write };
  };
  const presenter = await openPresenter({
    json,
    quiet: false,
    verbose: false,
    color: false,
    unicode: true,
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    cwd: "/srv/project",
    invocation: "holdfast",
    env: {},
    now: () => now,
    ...rest,
  });
  return {
    presenter,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    transcript: () => `--- stdout\n${written.stdout}--- stderr\n${written.stderr}`,
  };
}
