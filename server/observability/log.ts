/** Structured logs: JSON lines on stdout. Prompt text, answers and keys are never handed to it; headers are left out. */
import { type Logger, pino } from 'pino';

/** `level` is one of pino's, or "silent". */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    // Nobody reads headers in a log, and keys are in them: a library that tells all it was given tells them, too.
    redact: { paths: ['headers', '*.headers', '*.*.headers'], remove: true },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
