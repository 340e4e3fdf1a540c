import type { EventInput } from "../journal/event.ts";

/**
 * What is about a session around the caller, and not about the event. With HOLDFAST_SESSION, the cookie, a hook would be
 * taken for a process of that session, and be ended with it.
 */
const notInherited: ReadonlySet<string> = new Set([
  "HOLDFAST_SESSION",
  "HOLDFAST_ANCESTORS",
  "HOLDFAST_CLOSE",
  "HOLDFAST_DEPTH",
  "HOLDFAST_JOINED",
  "HOLDFAST_SESSION_ID",
  "HOLDFAST_UID",
  "HOLDFAST_TOKEN",
  "HOLDFAST_SLOT",
  "HOLDFAST_PID",
  "HOLDFAST_REASON",
  "HOLDFAST_EXIT_CODE",
]);

/** A hook's environment: the caller's, and what the event says. Directory and lock make a `holdfast` inside mean the same. */
export function hookEnvironment(env: NodeJS.ProcessEnv, root: string, event: EventInput): NodeJS.ProcessEnv {
  const inherited = Object.entries(env).filter(([name]) => !notInherited.has(name));
  const said = Object.entries(factsOf(event)).filter(([, value]) => value != null);
  return {
    ...Object.fromEntries(inherited),
    HOLDFAST_HOOK: event.event,
    HOLDFAST_DIR: root,
    HOLDFAST_LOCK: event.lock,
    ...Object.fromEntries(said.map(([name, value]) => [name, String(value)])),
  };
}

function factsOf(event: EventInput): Readonly<Record<string, string | number | null | undefined>> {
  return {
    HOLDFAST_SESSION_ID: event.session,
    HOLDFAST_UID: event.uid,
    HOLDFAST_TOKEN: event.token,
    ...(event.event === "started" ? { HOLDFAST_PID: event.pid } : {}),
    ...(event.event === "ended" ? { HOLDFAST_REASON: event.reason, HOLDFAST_EXIT_CODE: event.exit_code } : {}),
  };
}
