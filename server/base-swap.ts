/**
 * Moves a model's name to another base version with no request lost: the new engine is started and warmed beside the old
 * one, new requests go to it from one moment on, and the old one ends when all that came before has ended.
 */

import { MillraceError } from '../core/errors.ts';
import { within } from '../core/within.ts';
import type { InferenceEngine } from './batching/engine.ts';
import { greedy } from './batching/request.ts';
import type { ServedGenerator } from './completion/served-model.ts';
import type { RolledModel, Rollout } from './rollout/rollout.ts';
import { closeModel, type ReplaceableCatalogue } from './served-models.ts';

export interface BaseSwapParts {
  readonly catalogue: Pick<ReplaceableCatalogue, 'get' | 'replace'>;
  readonly rollout: Pick<Rollout, 'serve'>;
  /** Starts a version of the model that `serving` is one of. */
  readonly start: (serving: ServedGenerator, version: string) => Promise<ServedGenerator>;
  /** Resolves once the requests that are open now have ended. */
  readonly requestsEnded: () => Promise<void>;
  /** What has not ended after this is cut off. */
  readonly drainMs: number;
  readonly log: (message: string) => void;
  /** Hears of each move, made or failed; must be quick, and not throw. */
  readonly onSwap?: (swap: BaseMove) => void;
}

export interface BaseMove {
  readonly model: string;
  /** Digest of the version that was to be served. */
  readonly version: string;
  readonly tookMs: number;
  /** Null where it was made. */
  readonly error: unknown;
}

const warmUpMs = 30_000;
const warmUpTokens = 4;
const pollMs = 20;

export class BaseSwap {
  private readonly parts: BaseSwapParts;
  /** The latest move, until the engine that it left has ended: at most two engines of a model run at once. */
  private moving: Promise<unknown> = Promise.resolve();
  private isClosed = false;

  constructor(parts: BaseSwapParts) {
    this.parts = parts;
  }

  /**
   * Resolves once new requests go to the version, while earlier ones may still be answered by the one before. Where it
   * throws, nothing has changed: version_not_found, version_invalid, engine_unavailable, and what writing aliases throws.
   */
  async to(name: string, version: string): Promise<void> {
    const moved = this.moving.then(() => this.watchedMove(name, version));
    this.moving = moved.then(
      ({ drained }) => drained,
      () => {},
    );
    await moved;
  }

  /** Resolves when no engine is being started or drained any more; moves that come later are refused. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.moving;
  }

  /** What is served already is no move. */
  private async watchedMove(name: string, version: string): Promise<Moved> {
    const startedMs = performance.now();
    const tell = (error: unknown): void =>
      this.parts.onSwap?.({ model: name, version, tookMs: performance.now() - startedMs, error });
    try {
      const moved = await this.move(name, version);
      if (moved.isNew) tell(null);
      return moved;
    } catch (error) {
      tell(error);
      throw error;
    }
  }

  private async move(name: string, version: string): Promise<Moved> {
    const { catalogue, rollout, start, log } = this.parts;
    this.checkOpen();
    const old = catalogue.get(name);
    if (old?.kind !== 'generator') throw new MillraceError('version_not_found', { version });
    if (old.digest === version) return { isNew: false, drained: Promise.resolve() };
    const startedMs = performance.now();
    log(`${name}: starting base ${version} beside ${old.version}`);
    const next = await start(old, version);
    try {
      await warm(next);
      this.checkOpen();
      await rollout.serve(rolledModel(next), () => catalogue.replace(next));
    } catch (error) {
      await closeModel(next, old);
      throw error;
    }
    log(`${name}: base ${next.version} serves, ${seconds(startedMs)} s after its start began`);
    return { isNew: true, drained: this.drain(old, next) };
  }

  private checkOpen(): void {
    if (!this.isClosed) return;
    throw new MillraceError('engine_unavailable', { reason: 'the server ends', retryAfterMs: 1_000 });
  }

  private async drain(old: ServedGenerator, next: ServedGenerator): Promise<void> {
    const { requestsEnded, drainMs, log } = this.parts;
    const startedMs = performance.now();
    const untilMs = startedMs + drainMs;
    // At once: later requests are none of the old engine's.
    let isLate = false;
    const ended = requestsEnded().then(() => idle(old.engine, untilMs));
    await within(drainMs, undefined, () => ended).catch(() => {
      isLate = true;
    });
    const how = isLate ? 'and cut off what was left' : 'and had nothing left to do';
    log(`${old.id}: base ${old.version} ended after ${seconds(startedMs)} s ${how}`);
    await closeModel(old, next).catch((error: unknown) => log(`${old.id}: ${String(error)}`));
  }
}

interface Moved {
  readonly isNew: boolean;
  /** Resolves when the engine that was left has ended. */
  readonly drained: Promise<void>;
}

const seconds = (sinceMs: number): string => ((performance.now() - sinceMs) / 1000).toFixed(1);

export const rolledModel = ({ id, digest, version, engine }: ServedGenerator): RolledModel => ({
  id,
  base: digest,
  shortBase: version,
  engine,
});

/** A short answer, so that the first request waits for nothing that is made at the first use. Throws engine_unavailable. */
async function warm({ version, engine, tokenizer }: ServedGenerator): Promise<void> {
  const options = { addSpecialTokens: true, allowSpecial: false };
  const promptTokens = tokenizer.encode('The mill race runs', options);
  const ended = new Promise<void>((resolve, reject) => {
    const spec = {
      id: `warm-up-${version}`,
      promptTokens: promptTokens.length === 0 ? [0] : promptTokens,
      maxTokens: warmUpTokens,
      sampling: greedy,
      stopTokenIds: [],
      priority: 0,
      tenant: 'warm-up',
      adapter: null,
      cacheScope: `${version}/warm-up`,
      ttftTargetMs: 1_000,
      tpotTargetMs: 1_000,
    };
    engine.submit(spec, (event) => {
      if (event.kind !== 'end') return;
      if (event.reason === 'length') resolve();
      else reject(new Error(event.message ?? `it was ${event.reason}`));
    });
  });
  await within(warmUpMs, undefined, () => ended).catch((error: unknown) => {
    const reason = `${version} did not answer: ${error instanceof Error ? error.message : error}`;
    throw new MillraceError('engine_unavailable', { reason, retryAfterMs: 1_000 }, { cause: error });
  });
}

async function idle(engine: InferenceEngine, untilMs: number): Promise<void> {
  const isBusy = (): boolean => engine.stats().numRunning + engine.stats().numWaiting > 0;
  while (isBusy() && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, pollMs));
}
