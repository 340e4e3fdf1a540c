import type { FailureCode } from "../failure.ts";

/**
 * The number each failure exits with: sysexits.h where it has one, timeout(1) and the shell for the rest. Total by type:
 * a new failure without a number does not compile.
 */
export const exitCodes: Readonly<Record<FailureCode, number>> = {
  START_FAILED: 1,
  USAGE: 64,
  DATA: 65,
  NO_SESSION: 66,
  SESSION_MISMATCH: 66,
  UNAVAILABLE: 69,
  INTERNAL: 70,
  CANNOT_CREATE: 73,
  IO: 74,
  BUSY: 75,
  WAIT_TIMEOUT: 75,
  AGENTS_RUNNING: 75,
  NOT_PERMITTED: 77,
  CONFIG: 78,
  LOCK_LOST: 79,
  RUN_TIMEOUT: 124,
  IDLE_TIMEOUT: 124,
  NOT_EXECUTABLE: 126,
  NOT_FOUND: 127,
};
