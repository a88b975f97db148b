/** What learning does, told to metrics and traces: what each of its events and moves means there. */
import { MillraceError } from '../core/errors.ts';
import type { AdapterManifest } from '../core/registry/adapter-manifest.ts';
import { readAdapter } from '../core/registry/adapter-store.ts';
import type { VersionEvent } from '../core/registry/learning-layout.ts';
import { Turns } from '../core/turns.ts';
import type { BaseMove } from './base-swap.ts';
import type { Learning } from './learning/learning.ts';
import type { LearningWatch } from './learning-setup.ts';
import type { AliasedVersion, LearningObserved, Metrics } from './observability/metrics.ts';
import type { Tracing } from './observability/tracing.ts';
import type { AliasMove } from './rollout/watched-move.ts';

export interface LearningTelemetryParts {
  readonly metrics: Metrics['learning'];
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null;
  /** Folder of adapter versions. */
  readonly adapters: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** In which train steps were run; null while they are. */
interface Period {
  readonly startMs: number;
  endMs: number | null;
}

const maxPeriods = 16;
/** A verdict is told this long after the last step at most. */
const toldWithinMs = 10_000;
/** Versions below one that serves whose rows may not have been served: those that waited and were overtaken. */
const maxOvertaken = 8;
/** Failures that are whoever asked for it. */
const refusals: ReadonlySet<string> = new Set(['version_not_found', 'base_replaced', 'invalid_argument']);

export class LearningTelemetry implements LearningWatch {
  private readonly parts: LearningTelemetryParts;
  private readonly periods: Period[] = [];
  /** Manifests are read one after the other, so that what became of a version is told in order. */
  private readonly turns = new Turns();
  private latest = '';

  constructor(parts: LearningTelemetryParts) {
    this.parts = parts;
  }

  onTraining(isTraining: boolean): void {
    const nowMs = this.parts.now();
    this.parts.metrics.recordTraining(isTraining, nowMs);
    const current = this.periods.at(-1);
    if (isTraining) {
      if (current?.endMs === null) return;
      this.periods.push({ startMs: nowMs, endMs: null });
      if (this.periods.length > maxPeriods) this.periods.shift();
    } else if (current?.endMs === null) current.endMs = nowMs;
  }

  onEvent(event: VersionEvent): void {
    // One that could not be served comes again.
    const key = JSON.stringify(event);
    if (key === this.latest) return;
    this.latest = key;
    this.inTurn(async () => {
      if (event.type === 'published') await this.published(event);
      else if (event.type !== 'planted') this.judged(event);
    });
  }

  onMove(move: AliasMove): void {
    const { model, tenant, verb, before, after, adapter, startMs, endMs, error } = move;
    this.swapped({ kind: 'adapter', verb, tookMs: endMs - startMs, endMs, error });
    const isNew = (id: string | null): id is string =>
      id !== null && id !== before.stable && id !== before.canary;
    const begun = [after.stable, after.canary].filter(isNew);
    this.inTurn(async () => {
      this.parts.tracing?.work({
        name: 'swap adapter',
        startMs,
        endMs,
        version: begun[0] ?? adapter,
        attributes: {
          'millrace.model': model,
          'millrace.tenant': tenant,
          'millrace.move': verb,
          'millrace.stable': after.stable ?? 'base',
          ...(after.canary === null ? {} : { 'millrace.canary': after.canary }),
        },
        errorType: errorTypeOf(error),
      });
      for (const id of begun) this.parts.metrics.recordServed(await this.rowsOf(id), endMs);
    });
  }

  onBaseMove({ model, version, tookMs, error }: BaseMove): void {
    const endMs = this.parts.now();
    this.swapped({ kind: 'base', verb: 'base', tookMs, endMs, error });
    this.parts.tracing?.work({
      name: 'swap base',
      startMs: endMs - tookMs,
      endMs,
      version: null,
      attributes: { 'millrace.model': model, 'millrace.version': version },
      errorType: errorTypeOf(error),
    });
  }

  /** Resolves when all that was told so far has been passed on. Never throws. */
  async settled(): Promise<void> {
    await this.turns.run(async () => {}).catch(() => {});
  }

  /** What cannot be read any more is not told. */
  private inTurn(work: () => Promise<void>): void {
    this.turns.run(work).catch(() => {});
  }

  private swapped(swap: {
    readonly kind: 'adapter' | 'base';
    readonly verb: string;
    readonly tookMs: number;
    readonly endMs: number;
    readonly error: unknown;
  }): void {
    const { kind, verb: move, tookMs, endMs: endedMs, error } = swap;
    const isRefusal = error instanceof MillraceError && refusals.has(error.code);
    const result = error === null ? 'ok' : isRefusal ? 'refused' : 'failed';
    this.parts.metrics.recordSwap({ kind, move, result, tookMs, endedMs });
  }

  private async published({ adapter, model }: Extract<VersionEvent, { type: 'published' }>): Promise<void> {
    const { metrics, adapters } = this.parts;
    const manifest = await readAdapter(adapters, adapter);
    const { recipe, rows, gate } = manifest;
    if (gate !== null) metrics.recordVerdict({ model, kind: 'adapter', passed: true, failedChecks: [] });
    const [firstLoss, lastLoss] = [numberIn(recipe.firstLoss), numberIn(recipe.lastLoss)];
    metrics.recordLesson({
      numRows: rows.length,
      numSteps: numberIn(recipe.steps) ?? 0,
      firstLoss,
      lastLoss,
    });
    this.learned(manifest);
  }

  private judged(event: Exclude<VersionEvent, { type: 'published' | 'planted' }>): void {
    const { metrics, tracing } = this.parts;
    const { model, tenant } = event;
    const kind = event.type === 'refused' ? 'adapter' : 'base';
    const passed = event.type === 'base';
    const failedChecks = event.type === 'base' ? [] : event.checks;
    // One without failed checks never came to a gate.
    if (passed || failedChecks.length > 0) metrics.recordVerdict({ model, kind, passed, failedChecks });
    const endMs = Date.parse(event.at);
    tracing?.work({
      name: kind === 'adapter' ? 'learn' : 'consolidate',
      startMs: kind === 'adapter' ? this.trainingSince(endMs) : endMs,
      endMs,
      version: null,
      attributes: {
        'millrace.model': model,
        'millrace.tenant': tenant,
        ...(event.type === 'base' ? { 'millrace.version': event.version } : {}),
        ...(failedChecks.length === 0 ? {} : { 'millrace.gate.failed_checks': failedChecks.join('; ') }),
      },
      errorType: passed ? null : 'gate_refused',
    });
  }

  private learned({ id, model, tenant, createdAt, rows, recipe, gate }: AdapterManifest): void {
    const endMs = Date.parse(createdAt);
    const numbers = {
      'millrace.steps': numberIn(recipe.steps),
      'millrace.loss.first': numberIn(recipe.firstLoss),
      'millrace.loss.last': numberIn(recipe.lastLoss),
    };
    const known = Object.entries(numbers).flatMap(([name, value]) =>
      value === null ? [] : [[name, value] as const],
    );
    this.parts.tracing?.work({
      name: 'learn',
      startMs: this.trainingSince(endMs),
      endMs,
      version: id,
      attributes: {
        'millrace.model': model,
        'millrace.tenant': tenant,
        'millrace.version': id,
        'millrace.recipe': recipe.kind,
        'millrace.rows': rows.length,
        'millrace.gate.verdict': gate?.verdict ?? 'none',
        ...Object.fromEntries(known),
      },
      errorType: null,
    });
  }

  /** When the train steps began that led to what was made then; then, where nothing is known of them. */
  private trainingSince(thenMs: number): number {
    const period = this.periods.findLast(
      ({ startMs, endMs }) => startMs <= thenMs && (endMs === null || thenMs <= endMs + toldWithinMs),
    );
    return period?.startMs ?? thenMs;
  }

  private async rowsOf(id: string): Promise<string[]> {
    const rows: string[] = [];
    let next: string | null = id;
    for (let depth = 0; next !== null && depth < maxOvertaken; depth++) {
      const manifest: AdapterManifest = await readAdapter(this.parts.adapters, next);
      rows.push(...manifest.rows);
      next = manifest.parent;
    }
    return rows;
  }
}

const numberIn = (value: unknown): number | null => (typeof value === 'number' ? value : null);

function errorTypeOf(error: unknown): string | null {
  if (error === null) return null;
  return error instanceof MillraceError ? error.code : 'internal_error';
}

/** Null where nothing is learned. */
export function observedIn(learning: Learning | null): LearningObserved | null {
  if (learning === null) return null;
  const { trainer, keeper, rollout, defaultModel: model } = learning;
  return {
    trainer:
      trainer === null ? null : { state: trainer.state, restarts: trainer.restarts, hangs: trainer.hangs },
    unkeptResponses: keeper.numUnstored,
    aliases: rollout.tenantsOf(model).flatMap((tenant): AliasedVersion[] => {
      const { stable, canary, shadow } = rollout.of(model, tenant);
      const pointed = [
        ['stable', stable ?? 'base'],
        ['canary', canary?.adapter ?? null],
        ['shadow', shadow],
      ] as const;
      return pointed.flatMap(([alias, version]) =>
        version === null ? [] : [{ model, tenant, alias, version }],
      );
    }),
  };
}
