/**
 * A decoder version's scoring graph in a batch host of its own, as a ScoringEngine. It holds the weights once more,
 * so the host starts with the first request and ends when none has come for a while.
 */
import { invariant } from '../../core/invariant.ts';
import type { Score, ScoringEngine, ScoringInput } from '../batching/engine.ts';
import { BatchProcess, type BatchProcessOptions } from './batch-process.ts';

export interface ScorerOptions extends Omit<BatchProcessOptions<ScoringInput>, 'host' | 'lengthOf'> {
  /** A verified version folder of a decoder. */
  readonly folder: string;
  readonly threads: number;
  readonly maxContext: number;
  /** The host ends after this long without a request. */
  readonly idleMs: number;
}

export function createScorer(options: ScorerOptions): ScoringEngine & { pid(): number | null } {
  return new Scorer(options);
}

class Scorer implements ScoringEngine {
  private readonly options: ScorerOptions;
  private host: Promise<BatchProcess<ScoringInput>> | null = null;
  private running: BatchProcess<ScoringInput> | null = null;
  private numActive = 0;
  private idleTimer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(options: ScorerOptions) {
    this.options = options;
  }

  get maxContext(): number {
    return this.options.maxContext;
  }

  pid(): number | null {
    return this.running?.pid ?? null;
  }

  async score(inputs: readonly ScoringInput[], { signal }: { signal?: AbortSignal }): Promise<Score[]> {
    invariant(!this.isClosed, 'a closed scorer scores nothing');
    this.numActive++;
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    try {
      const host = await this.start();
      const results = await host.submit(inputs, signal === undefined ? {} : { signal });
      return results.map(scoreOf);
    } finally {
      this.numActive--;
      if (this.numActive === 0 && !this.isClosed) this.endLater();
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    await this.end();
  }

  /** A start that fails is tried again with the next request. */
  private start(): Promise<BatchProcess<ScoringInput>> {
    this.host ??= this.launch().catch((error: unknown) => {
      this.host = null;
      throw error;
    });
    return this.host;
  }

  private async launch(): Promise<BatchProcess<ScoringInput>> {
    const { folder, threads } = this.options;
    const host = new BatchProcess<ScoringInput>({
      ...this.options,
      host: { task: 'score', folder, threads },
      lengthOf: ({ tokens }) => tokens.length,
    });
    await host.start();
    this.running = host;
    return host;
  }

  private endLater(): void {
    this.idleTimer = setTimeout(() => void this.end(), this.options.idleMs);
    this.idleTimer.unref();
  }

  private async end(): Promise<void> {
    const host = this.host;
    this.host = null;
    this.running = null;
    await host?.then(
      (started) => started.close(),
      () => {},
    );
  }
}

/** See scorer-session.ts: log probabilities, then the likeliest tokens' ones. */
function scoreOf(result: Float32Array): Score {
  const count = result.length / 2;
  const logprobs = result.subarray(0, count);
  const best = result.subarray(count);
  return { logprobs, isGreedy: logprobs.every((value, index) => value >= best[index]!) };
}
