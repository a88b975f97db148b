/** Engines over version folders, as the configuration says. */
import { linearOf } from '../core/adapter/served.ts';
import { systemClock } from '../core/clock.ts';
import { usableCpus } from '../core/usable-cpus.ts';
import { mostOverfull } from './admission/admission.ts';
import type { EmbeddingEngine, InferenceEngine, ScoringEngine, StepRecord } from './batching/engine.ts';
import type { Config } from './config/declaration.ts';
import { environment } from './config/environment.ts';
import { learningTargets } from './config/learning-targets.ts';
import { startEncoder } from './models/encoder-process.ts';
import { startEngine } from './models/engine-process.ts';
import { createScorer } from './models/scorer-process.ts';

/** A lone prompt may stretch running sequences' steps by this much; measured, see docs/experiments.md. */
const maxStretch = 1.4;
const minChunkTokens = 4;
const maxLogitRows = 64;
const prefixBlockTokens = 16;
/** Ten seconds of waiting weigh as much as one level of priority. */
const ageingMs = 10_000;
/** Places in the engine's queue for what does not pass admission: shadows, comparisons of versions. */
const unadmitted = 64;
/** Creating a session takes about a second; a cold disk and a busy machine take longer. */
const startTimeoutMs = 120_000;
/** Of an encoder's batches: what the dynamic batcher keeps, see server/batching/batch-size.ts. */
const batchLimits = { minSize: 4, maxSize: 32, targetMs: 50 };
/** Of a scorer's: a decoder is slower, and nobody waits for its answers word by word. */
const scoringLimits = { minSize: 1, maxSize: 32, targetMs: 500 };
const scorerIdleMs = 300_000;
/** Inputs that may wait for a batch host, per request that may wait in all. */
const inputsPerRequest = 16;

const engineThreads = (config: Config): number => config['engine.threads'] || usableCpus();

/** What is asked for, or one for every four CPUs: learning is patient, and answers are not. */
export const trainerThreads = (config: Config): number =>
  config['learning.threads'] || Math.max(1, Math.floor(usableCpus() / 4));

/** What the trainer leaves of the engine's threads; null where nothing trains, or it would leave them all. */
function sharedThreads(config: Config): number | null {
  if (config['learning.mode'] === 'off') return null;
  const left = Math.max(1, usableCpus() - trainerThreads(config));
  return left < engineThreads(config) ? left : null;
}

export interface EngineSource {
  /** A verified version folder. */
  readonly folder: string;
  readonly version: string;
}

/** Starts the host and waits until it serves. Throws engine_unavailable. The caller closes it. */
export function startConfiguredEngine(
  source: EngineSource,
  config: Config,
  log: (message: string) => void,
  onStep?: (step: StepRecord) => void,
): Promise<InferenceEngine> {
  const numSlots = config['engine.maxSlots'];
  const maxContext = config['engine.maxContext'];
  return startEngine({
    version: source.version,
    clock: systemClock,
    startTimeoutMs,
    log,
    onStep,
    environment,
    host: {
      folder: source.folder,
      threads: engineThreads(config),
      sharedThreads: sharedThreads(config),
      numSlots,
      maxContext,
      maxAdapterRows: config['engine.maxAdapterRows'],
      adapterLinears: [...new Set(learningTargets(config).map(linearOf))],
      limits: {
        cacheTokens: config['engine.cacheTokens'] || numSlots * maxContext,
        maxChunkTokens: config['engine.maxChunkTokens'],
        minChunkTokens,
        maxLogitRows,
        maxStretch,
        ageingMs,
        // Also what finds a free slot waits in it until the next step, one prompt after another.
        maxWaiting: mostOverfull * config['queue.maxWaiting'] + numSlots + unadmitted,
        prefixBlockTokens,
        prefixCacheBytes: config['engine.prefixCacheBytes'],
      },
    },
  });
}

/** Starts the host and waits until it serves. Throws engine_unavailable. The caller closes it. */
export function startConfiguredEncoder(
  source: EngineSource,
  config: Config,
  log: (message: string) => void,
): Promise<EmbeddingEngine> {
  return startEncoder({
    version: source.version,
    folder: source.folder,
    threads: config['engine.threads'] || usableCpus(),
    limits: { ...batchLimits, maxWaiting: config['queue.maxWaiting'] * inputsPerRequest },
    clock: systemClock,
    startTimeoutMs,
    log,
    environment,
  });
}

/** Its host starts with the first request. The caller closes it. */
export function createConfiguredScorer(
  source: EngineSource,
  config: Config,
  options: { readonly maxContext: number; readonly log: (message: string) => void },
): ScoringEngine {
  return createScorer({
    folder: source.folder,
    threads: config['engine.threads'] || usableCpus(),
    maxContext: options.maxContext,
    idleMs: scorerIdleMs,
    limits: { ...scoringLimits, maxWaiting: config['queue.maxWaiting'] * inputsPerRequest },
    clock: systemClock,
    startTimeoutMs,
    log: options.log,
    environment,
  });
}
