/** A progress bar on the terminal of standard error, and the log lines that have to appear above it. */
import { monotonicMs } from "../../io/clock.ts";
import type { Context, Progress } from "../context.ts";
import { humanSize } from "../texts/size.ts";

const REDRAW_MS = 125;
/** What is done sooner needs no bar. */
const FIRST_DRAW_MS = 300;
const CLEAR_LINE = "\r\u001b[K";
const SILENT: Progress = { update() {}, [Symbol.dispose]() {} };

export interface ProgressBar {
  /** As Context.progress. */
  start(label: string, totalBytes?: number): Progress;
  /** Writes a line of text; a bar that is being shown moves below it. */
  writeLine(line: string): void;
}

/** @param enabled asked when a bar starts: the log format is known only then */
export function createProgressBar(
  stderr: Context["stderr"] & { readonly columns?: number },
  enabled: () => boolean,
): ProgressBar {
  let shown = "";
  const show = (line: string): void => {
    stderr.write(CLEAR_LINE + line);
    shown = line;
  };
  return {
    writeLine(line) {
      stderr.write(shown === "" ? `${line}\n` : `${CLEAR_LINE}${line}\n${shown}`);
    },
    start(label, totalBytes) {
      if (!enabled()) return SILENT;
      const rate = createRate(monotonicMs());
      let drawn = monotonicMs() + FIRST_DRAW_MS - REDRAW_MS;
      return {
        update(bytes) {
          const time = monotonicMs();
          if (time - drawn < REDRAW_MS) return;
          drawn = time;
          const bytesPerSecond = rate(bytes, time);
          show(barLine({ label, bytes, totalBytes, bytesPerSecond }, stderr.columns || 80));
        },
        [Symbol.dispose]() {
          if (shown !== "") show("");
        },
      };
    },
  };
}

/** Bytes per second, smoothed over about the last ten calls: it follows a change without trembling. */
function createRate(started: number): (bytes: number, time: number) => number {
  let last = { bytes: 0, time: started };
  let rate: number | undefined;
  return (bytes, time) => {
    const now = ((bytes - last.bytes) * 1000) / Math.max(1, time - last.time);
    rate = rate === undefined ? now : rate * 0.8 + now * 0.2;
    last = { bytes, time };
    return rate;
  };
}

export interface BarState {
  readonly label: string;
  readonly bytes: number;
  /** Unknown for a stream that does not say. It may be an estimate: more bytes may come than that. */
  readonly totalBytes: number | undefined;
  readonly bytesPerSecond: number;
}

/** One line, shorter than `width`: label, bar, bytes, rate, time left, as far as they are known and fit. */
export function barLine(state: BarState, width: number): string {
  const { label, bytes, totalBytes, bytesPerSecond } = state;
  const rate = `${humanSize(Math.round(bytesPerSecond))}/s`;
  if (!totalBytes) return `${label}  ${humanSize(bytes)}  ${rate}`.slice(0, width - 1);
  const done = Math.min(1, bytes / totalBytes);
  const left =
    bytesPerSecond > 0 && done < 1
      ? `  ${duration((totalBytes - bytes) / bytesPerSecond)} left`
      : "";
  const percent = `${Math.floor(done * 100)}%`.padStart(4);
  const numbers = `${percent}  ${humanSize(bytes)} of ${humanSize(totalBytes)}  ${rate}${left}`;
  const room = Math.min(30, width - 1 - label.length - numbers.length - 5);
  if (room < 5) return `${label}  ${numbers}`.slice(0, width - 1);
  const full = Math.round(done * room);
  return `${label}  [${"#".repeat(full)}${".".repeat(room - full)}] ${numbers}`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)}s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes}m` : `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}
