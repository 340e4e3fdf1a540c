import { session } from "./samples.ts";
import type { CleanupAction } from "../../../src/session/cleanup-action.ts";

export const actions: readonly CleanupAction[] = [
  {
    what: "session",
    name: "my_test_session",
    pid: 29_625,
    why: "clean-up",
    result: "ended",
    detail: "2 processes ended",
  },
  {
    what: "process",
    name: "node engine.js --old",
    pid: 4242,
    why: "outside any session",
    result: "ended",
    detail: null,
  },
  { what: "waiter", name: "nightly", pid: 30_200, why: "clean-up", result: "failed", detail: "not permitted" },
  {
    what: "ended_session",
    name: "monday",
    pid: null,
    why: "ended long enough ago",
    result: "removed",
    detail: session.uid,
  },
];

export const orphanAction: CleanupAction = {
  what: "orphan",
  name: "my_test_session",
  pid: 29_625,
  why: "its keeper is dead",
  result: "ended",
  detail: "2 processes ended",
};

/** What a clean-up leaves to its owner. */
export const spared: CleanupAction = {
  what: "session",
  name: "nightly",
  pid: 29_625,
  why: "belongs to ci",
  result: "named",
  detail: "holdfast --lock session cleanup --match nightly --force ends it",
};

export const orphanNamed: CleanupAction = { ...orphanAction, result: "named", detail: "2 processes live on" };
