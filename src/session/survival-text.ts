import type { Survivor } from "../process/survivor.ts";

/** Why a process was not ended, to be said behind it. */
export const survivalTexts: Readonly<Record<Survivor["why"], string>> = {
  survived_sigkill: "survived SIGKILL",
  not_permitted: "may not be signalled",
  not_proven: "left alone: only the claim says that it is the session's",
};
