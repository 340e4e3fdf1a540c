import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { errnoOf, Failure } from "../failure.ts";
import type { Config } from "../home/config.ts";
import type { Home } from "../home/locate.ts";
import { readJson, writeJson } from "./session-files.ts";

/*
 * Looking must not run what a clone or an archive has brought along: a `.holdfast/` with a session in it that seems lost,
 * and a holdfast.json with a hook for its end. So a command runs hooks of sessions of others only as they were when a
 * `start` or a `run` was called here, who asked for them by that. docs/decisions/0021 tells why it is done like this.
 */

const consentSchema = v.object({
  schema_version: v.literal(1),
  hooks: v.record(v.string(), v.string()),
  here: v.string(),
});

type Hooks = Config["hooks"];

/** Remembers that a `start` or `run` was called here with these hooks. Never fails: without it fewer hooks run. */
export function giveConsent(home: Home, hooks: Hooks): void {
  try {
    const here = placeOf(home) ?? makePlace(home);
    if (here === null || isRemembered(home, hooks, here)) return;
    writeJson(consentPath(home), { schema_version: 1, hooks, here } satisfies v.InferOutput<typeof consentSchema>);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

/** Whether a `start` or `run` was called here, in this very directory, with this very hook. */
export function hasConsent(home: Home, hook: string, command: string): boolean {
  try {
    const consent = readConsent(home);
    return consent !== null && consent.here === placeOf(home) && consent.hooks[hook] === command;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

function isRemembered(home: Home, hooks: Hooks, here: string): boolean {
  const consent = readConsent(home);
  return consent?.here === here && JSON.stringify(consent.hooks) === JSON.stringify(hooks);
}

function readConsent(home: Home): v.InferOutput<typeof consentSchema> | null {
  const parsed = v.safeParse(consentSchema, readJson(consentPath(home)));
  return parsed.success ? parsed.output : null;
}

function consentPath({ state }: Home): string {
  return join(state, "hooks.json");
}

/** An empty file that nobody touches once it is made. */
function placePath({ state }: Home): string {
  return join(state, "hooks.here");
}

/**
 * What no copy of a directory has in common with it, whoever made the copy and how: the number of a file, and when that
 * was last changed. Copying sets both anew, and the kernel lets nobody choose them (utimensat(2) sets other times).
 */
function placeOf(home: Home): string | null {
  try {
    const { ino, ctimeNs } = lstatSync(placePath(home), { bigint: true });
    return `${ino}:${ctimeNs}`;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return null;
  }
}

function makePlace(home: Home): string | null {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  try {
    closeSync(openSync(placePath(home), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
  return placeOf(home);
}
