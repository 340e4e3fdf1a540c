import type { Failure, NextStep } from "../../failure.ts";
import { escapeControl } from "../../home/names.ts";
import type { AnyEvent } from "../../journal/event.ts";
import type { AllLocks } from "../../session/all-locks.ts";
import type { CleanupAction } from "../../session/cleanup-action.ts";
import type { Client } from "../../session/clients.ts";
import type { Check } from "../../session/doctor-check.ts";
import type { Joined } from "../../session/join.ts";
import type { Listing } from "../../session/list.ts";
import type { Sent } from "../../session/send-text.ts";
import type { Queued, Started } from "../../session/start.ts";
import type { Stats } from "../../session/stats.ts";
import type { Status } from "../../session/status.ts";
import type { Stopped } from "../../session/stop.ts";
import { inOneLine } from "../../session/trouble.ts";
import type { Waited } from "../../session/wait.ts";
import { toAscii } from "./ascii.ts";
import { cutToWidth } from "./display-width.ts";
import { doctorText } from "./doctor-text.ts";
import { adviceOnAll } from "./errno-advice.ts";
import { eventLine } from "./event-line.ts";
import { failureCard } from "./failure-card.ts";
import { liveFrame } from "./live-frame.ts";
import type { LiveView } from "./live-view.ts";
import { afterEverywhere, afterList, everywhereText, listText } from "./list-text.ts";
import { nextSteps } from "./next-steps.ts";
import {
  afterInit,
  afterQueue,
  afterStart,
  cleanedText,
  initialisedText,
  joinedText,
  leftText,
  queuedText,
  sentText,
  skippedText,
  startedText,
  stoppedText,
  sweptText,
  waitedText,
} from "./outcome-text.ts";
import { openPaint, type Paint } from "./paint.ts";
import type { Initialised, OutputChunk, Presenter, PresenterOptions, WaitingNotice } from "./presenter.ts";
import { afterStats, statsText } from "./stats-text.ts";
import { allLocksText, isEmpty, statusText } from "./status-text.ts";
import type { Style } from "./style.ts";
import { waitingLine } from "./waiting-line.ts";
import { WaitingPace } from "./waiting-pace.ts";
import { warningText } from "./warning-text.ts";

/** The presenter for people; decides for each stream by itself whether it takes colour. */
export async function openHumanPresenter(options: PresenterOptions): Promise<Presenter> {
  const [stdoutPaint, stderrPaint] = await Promise.all([
    openPaint(options.color, options.stdout),
    openPaint(options.color, options.stderr),
  ]);
  return new HumanPresenter(options, stdoutPaint, stderrPaint);
}

/** To the beginning of the line, and clear it (ECMA-48: EL). */
const clearLine = "\r\u001B[K";
const usualColumns = 80;
/** A full last column makes some terminals wrap, and they echo what ends the wait. */
const roomFor = "^C ";

class HumanPresenter implements Presenter {
  readonly #options: PresenterOptions;
  readonly #paints: { readonly stdout: Paint; readonly stderr: Paint };
  readonly #pace = new WaitingPace();
  #isDrawn = false;

  constructor(options: PresenterOptions, stdout: Paint, stderr: Paint) {
    this.#options = options;
    this.#paints = { stdout, stderr };
  }

  started(result: Started): void {
    this.#print(startedText(result, this.#style("stdout")));
    this.#hint(afterStart(result));
  }

  queued(result: Queued): void {
    this.#print(queuedText(result, this.#style("stdout")));
    this.#hint(afterQueue(result));
  }

  joined(result: Joined): void {
    this.#print(joinedText(result, this.#style("stdout")));
  }

  sent(result: Sent): void {
    this.#print(sentText(result, this.#style("stdout")));
  }

  left(session: string | null, clients: readonly Client[]): void {
    this.#print(leftText(session, clients, this.#style("stdout")));
  }

  stopped(result: Stopped): void {
    this.#print(stoppedText(result, this.#style("stdout")));
  }

  status(result: Status, elsewhere?: NextStep): void {
    this.#print(statusText(result, this.#style("stdout")));
    if (isEmpty(result)) this.#hint([...(elsewhere === undefined ? [] : [elsewhere]), result.toStart]);
  }

  allLocks(result: AllLocks): void {
    this.#print(allLocksText(result, this.#style("stdout")));
    const [first] = result.locks;
    if (first !== undefined && result.locks.every(isEmpty)) this.#hint([first.toStart]);
  }

  async live(): Promise<LiveView> {
    const { LiveScreen } = await import("./live-screen.ts");
    const screen = new LiveScreen(this.#options.stdout);
    const shown = (text: string) => this.#shown(text);
    return {
      showsOutput: true,
      open: (events) => screen.open(events),
      show: (frame) => screen.draw(liveFrame(frame, { ...screen.size, shown }, this.#style("stdout"))),
      close: () => screen.close(),
    };
  }

  listed(listing: Listing): void {
    this.#print(listText(listing, this.#style("stdout"), (line) => this.#fit(line)));
    this.#talk(listing.trouble.map((failure) => warningText(inOneLine(failure), this.#style("stderr"))));
    this.#hint(adviceOnAll(listing.trouble));
    this.#hint(afterList(listing));
  }

  listedEverywhere(listings: readonly Listing[], trouble: readonly Failure[]): void {
    this.#print(everywhereText(listings, this.#style("stdout"), (line) => this.#fit(line)));
    const found = [...listings.flatMap((listing) => listing.trouble), ...trouble];
    this.#talk(found.map((failure) => warningText(inOneLine(failure), this.#style("stderr"))));
    this.#hint(afterEverywhere(listings));
  }

  stats(result: Stats): void {
    this.#print(statsText(result, this.#style("stdout"), this.#room()));
    this.#hint(afterStats(result));
  }

  cleaned(actions: readonly CleanupAction[], dryRun: boolean): void {
    this.#print(cleanedText(actions, dryRun, this.#style("stdout")));
  }

  swept(action: CleanupAction): void {
    this.#print([sweptText(action, this.#style("stdout"))]);
  }

  waited(result: Waited, until: string): void {
    this.#talk(skippedText(result.skippedBytes ?? 0, this.#style("stderr")));
    this.#print(waitedText(result, until, this.#style("stdout")));
  }

  initialised(result: Initialised): void {
    this.#print(initialisedText(result, this.#style("stdout")));
    this.#hint(afterInit(result));
  }

  examined(checks: readonly Check[]): void {
    this.#print(doctorText(checks, this.#style("stdout")));
  }

  completion(_shell: string, text: string): void {
    this.#write("stdout", text);
  }

  events(events: readonly AnyEvent[], follow: boolean, asked?: number): void {
    const style = this.#style("stdout");
    this.#print(events.map((event) => eventLine(event, style)));
    if (events.length === 0 && !follow && asked !== 0) this.#talk(["No events"]);
  }

  output({ text, skippedBytes }: OutputChunk): void {
    this.#talk(skippedText(skippedBytes, this.#style("stderr")));
    this.#write("stdout", text);
  }

  waiting(notice: WaitingNotice): void {
    if (this.#options.quiet) return;
    const { stderr } = this.#options;
    const style = this.#style("stderr");
    if (!stderr.isTTY) {
      if (this.#pace.isDue(notice)) stderr.write(this.#shown(`${waitingLine(notice, style)}\n`));
      return;
    }
    // A full line would make the terminal wrap, and the next refresh begin one line too low.
    const columns = (stderr.columns || usualColumns) - roomFor.length;
    const line = this.#shown(waitingLine(notice, style, columns));
    stderr.write(clearLine + cutToWidth(line, columns, this.#shown("…")));
    this.#isDrawn = true;
  }

  waitingOver(): void {
    this.#pace.reset();
    this.#erase();
  }

  note(text: string): void {
    this.#talk(text.split("\n").map((line) => escapeControl(line)));
  }

  failure(failure: Failure): void {
    this.#say(failureCard(failure, this.#style("stderr"), !this.#options.quiet));
  }

  #style(stream: "stdout" | "stderr"): Style {
    const { cwd, env, invocation, now, verbose } = this.#options;
    return { paint: this.#paints[stream], now: now?.() ?? new Date(), cwd, verbose, invocation, env };
  }

  #print(lines: readonly string[]): void {
    this.#write("stdout", this.#shown(lines.map((line) => `${line}\n`).join("")));
  }

  #say(lines: readonly string[]): void {
    this.#write("stderr", this.#shown(lines.map((line) => `${line}\n`).join("")));
  }

  #talk(lines: readonly string[]): void {
    if (!this.#options.quiet) this.#say(lines);
  }

  #hint(steps: readonly NextStep[]): void {
    const style = this.#style("stderr");
    this.#talk(nextSteps(steps, style).map((line) => style.paint.dim(line)));
  }

  /** A line of a table, cut where the terminal would wrap it; whole, where everything was asked for. */
  #fit(line: string): string {
    const columns = this.#room();
    return columns === undefined ? line : cutToWidth(line, columns, this.#shown("…"));
  }

  /** How many columns a table may take; undefined: any. */
  #room(): number | undefined {
    const { stdout, verbose } = this.#options;
    return verbose ? undefined : stdout.columns || undefined;
  }

  #shown(text: string): string {
    return this.#options.unicode ? text : toAscii(text);
  }

  #write(stream: "stdout" | "stderr", text: string): void {
    if (text === "") return;
    this.#erase();
    this.#options[stream].write(text);
  }

  /** Nothing is written behind a line that is refreshed in place. */
  #erase(): void {
    if (this.#isDrawn) this.#options.stderr.write(clearLine);
    this.#isDrawn = false;
  }
}
