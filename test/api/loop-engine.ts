/** An InferenceEngine in this process: the real step loop over the engine without a model. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../core/clock.ts';
import type { EngineState, InferenceEngine, StepPlan } from '../../server/batching/engine.ts';
import type { SequenceEvent } from '../../server/batching/request.ts';
import { StepLoop } from '../../server/batching/step-loop.ts';
import { createFakeEngine } from '../../server/models/fake-engine.ts';

export interface LoopEngineOptions {
  readonly numSlots: number;
  readonly maxContext: number;
  readonly vocabSize: number;
  readonly stepMs: number;
  readonly onStep?: (plan: StepPlan) => void;
}

export interface LoopEngine extends InferenceEngine {
  /** What state() says from now on. */
  setState(state: EngineState): void;
}

const limits = {
  maxChunkTokens: 256,
  minChunkTokens: 4,
  maxLogitRows: 64,
  maxStretch: 1.4,
  ageingMs: 10_000,
  maxWaiting: 256,
  prefixBlockTokens: 16,
  prefixCacheBytes: 1e6,
};

export function createLoopEngine(options: LoopEngineOptions): LoopEngine {
  const listeners = new Map<string, (event: SequenceEvent) => void>();
  const engine = createFakeEngine(options);
  const loop = new StepLoop({
    engine,
    clock: systemClock,
    limits: { ...limits, cacheTokens: options.numSlots * options.maxContext },
    emit(event) {
      const listener = listeners.get(event.id);
      if (event.kind === 'end') listeners.delete(event.id);
      listener?.(event);
    },
  });
  let isRunning = false;
  let state: EngineState = 'ready';
  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    while (!loop.isIdle) {
      await loop.runStep();
      await nextTurn();
    }
    isRunning = false;
  };
  return {
    version: 'sha256:test',
    maxContext: options.maxContext,
    vocabSize: options.vocabSize,
    state: () => state,
    setState: (next) => void (state = next),
    stats: () => ({ ...loop.stats(), restarts: 0 }),
    submit(spec, onEvent) {
      listeners.set(spec.id, onEvent);
      // As over a process border: nothing is told before submit has returned.
      queueMicrotask(() => {
        loop.submit(spec);
        void run();
      });
    },
    cancel: (id) => loop.cancel(id),
    shareCpu() {},
    async loadAdapter({ id }) {
      engine.stageAdapter(id, new Uint8Array())();
      loop.adapters.add(id);
    },
    dropAdapter: (id) => loop.adapters.retire(id),
    close: async () => {},
  };
}
