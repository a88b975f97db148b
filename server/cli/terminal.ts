/**
 * How work in progress looks: bars and marks on a terminal, plain lines elsewhere.
 * Results go to stdout, everything about the work to stderr.
 */
import type { Clock } from '../../core/clock.ts';
import type { Amount, Progress } from '../pull/progress.ts';

export interface Terminal extends Progress {
  readonly isInteractive: boolean;
  /** Writes to stdout as is. */
  print(text: string): void;
  /** One stage of long work: a line when it starts and one with its seconds when it ended. */
  stage<T>(label: string, work: () => Promise<T>): Promise<T>;
}

export interface TerminalStreams {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown; readonly isTTY?: boolean };
}

const barWidth = 24;
const redrawMs = 100;
const plainLineMs = 5_000;
const controlStart = '\u001b';
const clearLine = `\r${controlStart}[2K`;

const mark = {
  running: `${controlStart}[36m◌${controlStart}[0m`,
  done: `${controlStart}[32m✔${controlStart}[0m`,
  failed: `${controlStart}[31m✖${controlStart}[0m`,
};

function count(value: number, unit: string): string {
  return unit === 'bytes' ? `${(value / 1e6).toFixed(1)} MB` : `${value} ${unit}`;
}

/** "12.0 of 98.4 MB (12 %)". */
function amountText({ done, total, unit }: Amount): string {
  if (total === null || total <= 0) return count(done, unit);
  const start = unit === 'bytes' ? (done / 1e6).toFixed(1) : done;
  return `${start} of ${count(total, unit)} (${Math.floor((100 * done) / total)} %)`;
}

function bar({ done, total }: Amount): string {
  if (total === null || total <= 0) return '';
  const filled = Math.min(barWidth, Math.round((barWidth * done) / total));
  return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} `;
}

export function createTerminal(streams: TerminalStreams, clock: Clock): Terminal {
  const isInteractive = streams.err.isTTY === true;
  let drawnMs = Number.NEGATIVE_INFINITY;
  let drawnLabel = '';
  const line = (symbol: string, text: string) =>
    streams.err.write(isInteractive ? `${clearLine}${symbol} ${text}\n` : `millrace: ${text}\n`);

  return {
    isInteractive,
    print: (text) => streams.out.write(text),
    note: (text) => line(' ', text),
    amount(label, amount) {
      const now = clock.nowMs();
      const isLast = amount.total !== null && amount.done >= amount.total;
      const isDue = now - drawnMs >= (isInteractive ? redrawMs : plainLineMs);
      if (label === drawnLabel && !isDue && !isLast) return;
      drawnMs = now;
      drawnLabel = label;
      if (isInteractive) streams.err.write(`${clearLine}  ${bar(amount)}${label}, ${amountText(amount)}`);
      else line(' ', `${label}, ${amountText(amount)}`);
    },
    async stage(label, work) {
      const startedMs = clock.nowMs();
      line(mark.running, `${label} …`);
      const ended = (symbol: string, word: string) =>
        line(symbol, `${label}: ${word} in ${((clock.nowMs() - startedMs) / 1000).toFixed(1)} s`);
      try {
        const result = await work();
        ended(mark.done, 'done');
        return result;
      } catch (error) {
        ended(mark.failed, 'failed');
        throw error;
      }
    },
  };
}
