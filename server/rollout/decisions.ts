/** The log of how trials ended. The latest ones of each tenant are at hand. */
import { readAll } from '../../core/feedback/log-reader.ts';
import { type LogLimits, LogWriter } from '../../core/feedback/log-writer.ts';
import { fieldsOf, isNumber, isText, isTime } from '../../core/shape.ts';
import type { Decision } from './conclusion.ts';

/** Some thousands of decisions. */
const limits: LogLimits = { segmentBytes: 2 ** 20, totalBytes: 8 * 2 ** 20, maxPending: 64 };
const maxLatest = 20;
const maxTenants = 1_000;

export class Decisions {
  private readonly log: LogWriter;
  /** By model and tenant; the oldest first. */
  private readonly latest = new Map<string, readonly Decision[]>();

  private constructor(log: LogWriter) {
    this.log = log;
  }

  static async open(folder: string): Promise<Decisions> {
    const decisions = new Decisions(await LogWriter.open(folder, limits));
    for await (const { record } of readAll(folder, parseDecision)) decisions.remember(record);
    return decisions;
  }

  /** The newest first. */
  of(model: string, tenant: string): readonly Decision[] {
    return (this.latest.get(keyOf(model, tenant)) ?? []).toReversed();
  }

  /** Throws what the disk says; it is at hand all the same. */
  async append(decision: Decision): Promise<void> {
    this.remember(decision);
    await this.log.append(decision);
  }

  close(): Promise<void> {
    return this.log.close();
  }

  private remember(decision: Decision): void {
    const key = keyOf(decision.model, decision.tenant);
    const known = this.latest.get(key) ?? [];
    this.latest.delete(key);
    this.latest.set(key, [...known, decision].slice(-maxLatest));
    if (this.latest.size > maxTenants) this.latest.delete(this.latest.keys().next().value!);
  }
}

const isDecision = fieldsOf({
  model: isText,
  tenant: isText,
  version: isText,
  kind: isText,
  startedMs: isNumber,
  at: isTime,
});

/** Null for a line that a damaged disk has made another. */
const parseDecision = (json: unknown): Decision | null => (isDecision(json) ? (json as Decision) : null);

const keyOf = (model: string, tenant: string): string => `${model}\n${tenant}`;
