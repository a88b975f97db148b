/**
 * Entry of the engine host process: one model version, its step loop, and the channel to the gateway.
 * A step blocks this process's event loop, which is why it is a process; between steps messages are handled.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import { messageOf } from '../../core/message-of.ts';
import { type AdapterSource, NoAdapterRoomError, type StepEngine } from '../batching/engine.ts';
import { measureSteps } from '../batching/measure-steps.ts';
import type { SequenceEvent } from '../batching/request.ts';
import { StepLoop } from '../batching/step-loop.ts';
import { AdapterLoader } from './adapter-loader.ts';
import { createFakeEngine } from './fake-engine.ts';
import type { FromHost, ToHost } from './host-messages.ts';
import { createStepEngine } from './onnxruntime/step-engine.ts';

/** Messages handed to the channel and not yet taken by it; more make the loop wait. */
const maxUnsent = 256;
/** Rows of logits a step may return for prompt log probabilities. */
const maxLogitRows = 64;

class EngineHost {
  private loop: StepLoop | null = null;
  private engine: StepEngine | null = null;
  private loader: AdapterLoader | null = null;
  private events: SequenceEvent[] = [];
  private numUnsent = 0;
  /** Steps that the gateway has heard of. */
  private toldSteps = 0;
  private wake: () => void = () => {};
  private closing = false;
  /** Resolves when the version is loaded, or has failed. */
  private loading: Promise<void> = Promise.resolve();

  async handle(message: ToHost): Promise<void> {
    if (message.kind === 'load') this.loading = this.load(message);
    else {
      // What comes while the version is loaded is for the engine that is about to be there, with all its adapters.
      if (message.kind !== 'close') await this.loading;
      await this.obey(message);
    }
  }

  private async obey(message: Exclude<ToHost, { kind: 'load' }>): Promise<void> {
    if (message.kind === 'submit') this.loop?.submit(message.spec);
    else if (message.kind === 'cancel') this.loop?.cancel(message.id);
    else if (message.kind === 'load-adapter') await this.loadAdapter(message.adapter);
    else if (message.kind === 'drop-adapter') this.loop?.adapters.retire(message.id);
    else if (message.kind === 'share-cpu') this.engine?.shareCpu(message.isShared);
    else this.closing = true;
    this.wake();
  }

  private async loadAdapter(adapter: AdapterSource): Promise<void> {
    try {
      await this.loader!.load(adapter);
      this.loop!.adapters.add(adapter.id);
      this.send({ kind: 'adapter', id: adapter.id, problem: null });
    } catch (error) {
      const problem = { message: messageOf(error), isRoomless: error instanceof NoAdapterRoomError };
      this.send({ kind: 'adapter', id: adapter.id, problem });
    }
  }

  private async load({ options, adapters, isShared }: Extract<ToHost, { kind: 'load' }>): Promise<void> {
    try {
      const { folder, numSlots, maxContext } = options;
      this.engine =
        folder === 'fake'
          ? createFakeEngine({ numSlots, maxContext, stepMs: 2 })
          : await createStepEngine({ ...options, maxLogitRows });
      const limits = { ...options.limits, maxLogitRows: this.engine.maxLogitRows };
      const emit = (event: SequenceEvent): void => void this.events.push(event);
      // The engine without a model refuses rows that nothing was computed for, which measuring asks for.
      const model = folder === 'fake' ? {} : { model: await measureSteps(this.engine, systemClock) };
      this.loop = new StepLoop({ engine: this.engine, clock: systemClock, limits, emit, ...model });
      this.engine.shareCpu(isShared);
      this.loader = new AdapterLoader(
        this.engine,
        () => this.wake(),
        () => systemClock.nowMs(),
      );
    } catch (error) {
      this.send({ kind: 'failed', message: messageOf(error) });
      return;
    }
    void this.serve(this.engine, this.loop, this.loader);
    // Those that were there when an earlier host died.
    for (const adapter of adapters) await this.loadAdapter(adapter);
    this.send({ kind: 'ready', maxContext: this.engine.maxContext, vocabSize: this.engine.vocabSize });
  }

  private async serve(engine: StepEngine, loop: StepLoop, loader: AdapterLoader): Promise<void> {
    await this.run(loop, loader);
    await engine.close();
    process.disconnect();
  }

  private async run(loop: StepLoop, loader: AdapterLoader): Promise<void> {
    while (!this.closing) {
      this.flush(loop);
      loader.advance();
      if ((loop.isIdle && !loader.isBusy) || this.numUnsent > maxUnsent) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      } else {
        await loop.runStep();
        await nextTurn();
      }
    }
  }

  /** A step is told also where nothing came of it yet, as in the middle of a prompt. */
  private flush(loop: StepLoop): void {
    const { numSteps } = loop;
    if (this.events.length === 0 && numSteps === this.toldSteps) return;
    const events = this.events;
    this.events = [];
    this.toldSteps = numSteps;
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
// One that is gone already is not told of any more.
if (!process.connected) process.exit(0);
// The gateway decides when this process ends; a terminal's Ctrl-C reaches both.
process.on('SIGINT', () => {});
new Worker(new URL('./pulse.js', import.meta.url)).unref();
