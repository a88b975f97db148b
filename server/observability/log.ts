/** Structured logs: JSON lines on stdout. Prompt text, answers and keys are never handed to it; headers are redacted. */
import { type Logger, pino } from 'pino';

/** `level` is one of pino's, or "silent". */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    redact: { paths: ['req.headers.authorization', 'headers.authorization'], remove: true },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
