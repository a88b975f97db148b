/**
 * Entry of the engine host process: one model version, its step loop, and the channel to the gateway.
 * A step blocks this process's event loop, which is why it is a process; between steps messages are handled.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import type { StepEngine } from '../batching/engine.ts';
import { measureSteps } from '../batching/measure-steps.ts';
import type { SequenceEvent } from '../batching/request.ts';
import { StepLoop } from '../batching/step-loop.ts';
import { createFakeEngine } from './fake-engine.ts';
import type { FromHost, HostOptions, ToHost } from './host-messages.ts';
import { createStepEngine } from './onnxruntime/step-engine.ts';

/** Messages handed to the channel and not yet taken by it; more make the loop wait. */
const maxUnsent = 256;
/** Rows of logits a step may return for prompt log probabilities. */
const maxLogitRows = 64;

class EngineHost {
  private loop: StepLoop | null = null;
  private engine: StepEngine | null = null;
  private events: SequenceEvent[] = [];
  private numUnsent = 0;
  private wake: () => void = () => {};
  private closing = false;

  async handle(message: ToHost): Promise<void> {
    if (message.kind === 'load') await this.load(message.options);
    else if (message.kind === 'submit') this.loop?.submit(message.spec);
    else if (message.kind === 'cancel') this.loop?.cancel(message.id);
    else this.closing = true;
    this.wake();
  }

  private async load(options: HostOptions): Promise<void> {
    try {
      const { folder, numSlots, maxContext, threads } = options;
      this.engine =
        folder === 'fake'
          ? createFakeEngine({ numSlots, maxContext, stepMs: 2 })
          : await createStepEngine({ folder, numSlots, maxContext, threads, maxLogitRows });
      const limits = { ...options.limits, maxLogitRows: this.engine.maxLogitRows };
      const emit = (event: SequenceEvent): void => void this.events.push(event);
      // The engine without a model refuses rows that nothing was computed for, which measuring asks for.
      const model = folder === 'fake' ? {} : { model: await measureSteps(this.engine, systemClock) };
      this.loop = new StepLoop({ engine: this.engine, clock: systemClock, limits, emit, ...model });
    } catch (error) {
      this.send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.send({ kind: 'ready', maxContext: this.engine.maxContext, vocabSize: this.engine.vocabSize });
    await this.run(this.loop);
    await this.engine.close();
    process.disconnect();
  }

  private async run(loop: StepLoop): Promise<void> {
    while (!this.closing) {
      this.flush(loop);
      if (loop.isIdle || this.numUnsent > maxUnsent) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      } else {
        await loop.runStep();
        await nextTurn();
      }
    }
  }

  private flush(loop: StepLoop): void {
    if (this.events.length === 0) return;
    const events = this.events;
    this.events = [];
    this.send({ kind: 'events', events, stats: loop.stats() });
  }

  private send(message: FromHost): void {
    this.numUnsent++;
    process.send?.(message, () => {
      this.numUnsent--;
      this.wake();
    });
  }
}

const host = new EngineHost();
process.on('message', (message: ToHost) => void host.handle(message));
// Without a gateway there is no one to work for.
process.on('disconnect', () => process.exit(0));
// The gateway decides when this process ends; a terminal's Ctrl-C reaches both.
process.on('SIGINT', () => {});
new Worker(new URL('./pulse.js', import.meta.url)).unref();
