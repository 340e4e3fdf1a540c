import { statSync } from "node:fs";
import { errorText, Failure } from "../failure.ts";
import { nativeFiles } from "../lock/native.ts";
import { systemClock } from "../process/clock.ts";
import type { Context } from "../session/context.ts";
import { writeOutputCut } from "../session/output-cut.ts";
import { sessionFiles, type SessionFiles } from "../session/session-files.ts";
import { cutOutput } from "./cut-output.ts";
import { isBurst, isCalm, soonerLookMs, type OutputGrowth } from "./output-growth.ts";
import type { PublishedSession } from "./published-session.ts";
import type { SessionLog } from "./session-log.ts";

/** For how many looks a burst is let pass: most are over by then, and the agent has not been held up. */
const patientLooks = 2;

/** Keeps what an agent's output takes on the disk near its limit, from look to look. */
export class OutputLimit {
  readonly #files: SessionFiles;
  readonly #limitBytes: number;
  readonly #published: PublishedSession;
  readonly #log: SessionLog;
  #firstByte = 0;
  #last = { sizeBytes: 0, atMs: systemClock.now() };
  #looksInBurst = 0;
  #looking: Promise<void> | null = null;
  #sooner: NodeJS.Timeout | undefined;
  #isImpossible = false;
  #isOnRecord = false;
  #isTold = false;
  #isEnding = false;

  private constructor(files: SessionFiles, limitBytes: number, published: PublishedSession, log: SessionLog) {
    this.#files = files;
    this.#limitBytes = limitBytes;
    this.#published = published;
    this.#log = log;
  }

  /** Null for a session whose output has no limit, or is the caller's. */
  static of({ home }: Context, published: PublishedSession, log: SessionLog): OutputLimit | null {
    const { mode, uid, max_output_bytes: limitBytes } = published.session;
    if (mode === "foreground" || limitBytes === null) return null;
    return new OutputLimit(sessionFiles(home, uid), limitBytes, published, log);
  }

  /**
   * Looks how much there is, and cuts it if that is too much. To be called once a second: it looks again by itself where
   * that would come late. Never throws.
   */
  look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => (this.#looking = null));
    return this.#looking;
  }

  /** The last look, when the agent writes no more. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#looking;
    await this.look();
  }

  async #lookNow(): Promise<void> {
    clearTimeout(this.#sooner);
    try {
      const sizeBytes = statSync(this.#files.output, { throwIfNoEntry: false })?.size;
      if (sizeBytes === undefined || this.#isImpossible) return;
      if (sizeBytes > this.#limitBytes / 2 && !this.#isOnRecord && !this.#isEnding) await this.#record(0);
      // The agent has truncated it.
      if (sizeBytes < this.#firstByte) await this.#record(0);
      const growth = this.#growth(sizeBytes);
      if (this.#isPatient(growth)) return;
      if (sizeBytes - this.#firstByte > this.#limitBytes) await this.#cut();
      this.#lookSooner(growth, this.#firstByte + this.#limitBytes - sizeBytes);
    } catch (error) {
      this.#log.complain("output", errorText(error));
    }
  }

  /** First before it is needed: on a full disk a record can be written over, but none be made. */
  async #record(firstByte: number): Promise<void> {
    await writeOutputCut(this.#files.outputCut, firstByte);
    this.#isOnRecord = true;
    this.#firstByte = firstByte;
  }

  async #cut(): Promise<void> {
    try {
      this.#firstByte = await cutOutput(this.#files, nativeFiles(), this.#firstByte, this.#limitBytes);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "UNAVAILABLE") throw error;
      this.#giveUp(error.message);
      return;
    }
    if (!this.#isTold) {
      this.#isTold = true;
      this.#log.append({ event: "output_cut", limit_bytes: this.#limitBytes, first_byte: this.#firstByte });
    }
  }

  /** All of it is kept then: better too much than nothing, and nobody is left in the dark. */
  #giveUp(reason: string): void {
    this.#isImpossible = true;
    this.#log.append({ event: "output_not_cut", limit_bytes: this.#limitBytes, reason });
    this.#published.publish({ output_problem: reason });
  }

  #growth(sizeBytes: number): OutputGrowth {
    const last = this.#last;
    this.#last = { sizeBytes, atMs: systemClock.now() };
    return { grownBytes: sizeBytes - last.sizeBytes, elapsedMs: this.#last.atMs - last.atMs };
  }

  #isPatient(growth: OutputGrowth): boolean {
    if (this.#isEnding) return false;
    // One that goes on for long is not let pass again when it slackens for a moment.
    if (isCalm(growth)) this.#looksInBurst = 0;
    if (!isBurst(growth)) return false;
    this.#looksInBurst += 1;
    return this.#looksInBurst <= patientLooks;
  }

  #lookSooner(growth: OutputGrowth, roomBytes: number): void {
    const soonerMs = this.#isEnding ? null : soonerLookMs(growth, roomBytes);
    if (soonerMs !== null) this.#sooner = setTimeout(() => void this.look(), soonerMs);
  }
}
