/**
 * Shadow mode: a version answers again what another one has answered, and nobody sees it. One request of a model at a time,
 * none while others wait; whatever becomes of it, the request it copies is long over.
 */
import type { InferenceEngine } from '../batching/engine.ts';
import { type ShadowAnswer, ShadowComparison, type ShadowReport } from './experiment/shadow.ts';
import type { Rollout } from './rollout.ts';

export interface ShadowsOptions {
  readonly rollout: Pick<Rollout, 'of' | 'answer'>;
  /** A shadow that takes longer counts as failed. */
  readonly maxMs: number;
}

export interface Shown {
  readonly model: string;
  readonly tenant: string;
  /** Of the base version that the shadow has to be on, as responses name it. */
  readonly base: string;
  readonly engine: Pick<InferenceEngine, 'stats' | 'state'>;
  readonly answer: ShadowAnswer;
  /** The same request, answered by another adapter. Rejects when the signal aborts, and when the engine fails. */
  again(adapter: string, signal: AbortSignal): Promise<ShadowAnswer>;
}

interface Compared {
  readonly shadow: string;
  readonly comparison: ShadowComparison;
  /** Answers that were not copied, since the engine had other work. */
  numSkipped: number;
}

/** Tenants whose reports are kept; the ones compared longest ago go. */
const maxTenants = 1_000;

export class Shadows {
  private readonly options: ShadowsOptions;
  private readonly compared = new Map<string, Compared>();
  /** By model. */
  private readonly running = new Map<
    string,
    { readonly ended: AbortController; readonly done: Promise<void> }
  >();
  private isClosed = false;

  constructor(options: ShadowsOptions) {
    this.options = options;
  }

  /** Whether a copy may be asked for: all that a request costs whose tenant has no shadow. */
  has(model: string, tenant: string): boolean {
    return this.options.rollout.of(model, tenant).shadow !== null;
  }

  /** Returns at once, and never throws. */
  offer(shown: Shown): void {
    const { model, tenant, engine } = shown;
    const { shadow } = this.options.rollout.of(model, tenant);
    if (shadow === null || this.isClosed) return;
    const compared = this.comparedOf(model, tenant, shadow);
    if (this.running.has(model) || engine.state() !== 'ready' || engine.stats().numWaiting > 0) {
      compared.numSkipped += 1;
      return;
    }
    const ended = new AbortController();
    const done = this.run(shown, compared, ended).finally(() => this.running.delete(model));
    this.running.set(model, { ended, done });
  }

  /** Null while there is no shadow, or nothing was compared with it yet. */
  report(
    model: string,
    tenant: string,
  ): { readonly version: string; readonly numSkipped: number; readonly report: ShadowReport } | null {
    const { shadow } = this.options.rollout.of(model, tenant);
    const compared = this.compared.get(keyOf(model, tenant));
    if (compared === undefined || compared.shadow !== shadow) return null;
    return { version: shadow, numSkipped: compared.numSkipped, report: compared.comparison.report() };
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    this.isClosed = true;
    const running = [...this.running.values()];
    for (const { ended } of running) ended.abort(new Error('the server ends'));
    await Promise.all(running.map(({ done }) => done));
  }

  private async run(shown: Shown, { shadow, comparison }: Compared, ended: AbortController): Promise<void> {
    const timer = setTimeout(() => ended.abort(new Error('it takes too long')), this.options.maxMs);
    const answer = await this.answer(shown, shadow, ended.signal).catch(() => null);
    clearTimeout(timer);
    if (!this.isClosed) comparison.record({ shown: shown.answer, shadow: answer });
  }

  private async answer(shown: Shown, adapter: string, signal: AbortSignal): Promise<ShadowAnswer> {
    const { model, tenant, base, again } = shown;
    // Of the base that has answered.
    const asked = { model, tenant, stickyKey: '', pin: { base, adapter } };
    return this.options.rollout.answer(asked, () => again(adapter, signal));
  }

  private comparedOf(model: string, tenant: string, shadow: string): Compared {
    const key = keyOf(model, tenant);
    const known = this.compared.get(key);
    const compared =
      known?.shadow === shadow ? known : { shadow, comparison: new ShadowComparison(), numSkipped: 0 };
    this.compared.delete(key);
    this.compared.set(key, compared);
    if (this.compared.size > maxTenants) this.compared.delete(this.compared.keys().next().value!);
    return compared;
  }
}

const keyOf = (model: string, tenant: string): string => `${model}\n${tenant}`;
