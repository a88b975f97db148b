/**
 * Runs sequences to their end: schedule, one engine step, sample, apply. The only place that changes sequences,
 * slots and the prefix cache. Knows no process and no text.
 */

import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/message-of.ts';
import { AdapterPins } from './adapter-pins.ts';
import type { EngineStats, PrefillChunk, StepEngine } from './engine.ts';
import { FairShare } from './fair-share.ts';
import { PrefixCache } from './prefix-cache.ts';
import type { FinishReason, SequenceEvent, SequenceSpec } from './request.ts';
import { logprobOf, sample } from './sampler.ts';
import { chunkLength, type Decision, type SchedulerLimits, schedule, shapeOf } from './scheduler.ts';
import { Sequence } from './sequence.ts';
import { Slots } from './slots.ts';
import { Speed } from './speed.ts';
import { type StepShape, StepTimeModel } from './step-time.ts';

export interface StepLoopLimits extends SchedulerLimits {
  /** Sequences waiting for a slot; more are ended at once. */
  readonly maxWaiting: number;
  readonly prefixBlockTokens: number;
  readonly prefixCacheBytes: number;
}

export interface StepLoopOptions {
  readonly engine: StepEngine;
  readonly clock: Clock;
  readonly limits: StepLoopLimits;
  readonly emit: (event: SequenceEvent) => void;
  /** From measureSteps; without it, step times are learned from nothing. */
  readonly model?: StepTimeModel;
}

export class StepLoop {
  private readonly engine: StepEngine;
  private readonly clock: Clock;
  private readonly limits: StepLoopLimits;
  private readonly emit: (event: SequenceEvent) => void;
  private readonly slots: Slots;
  private readonly prefixes: PrefixCache;
  private readonly model: StepTimeModel;
  private readonly shares = new FairShare();
  /** Whoever loads an adapter adds it here, and retires it here. */
  readonly adapters: AdapterPins;
  private readonly speed = new Speed();
  private readonly sequences = new Map<string, Sequence>();
  private waiting: Sequence[] = [];
  /** A step has its plan: who leaves now would make others move away from the rows that it is about to write. */
  private isStepping = false;
  private readonly leaving = new Set<string>();
  private counters = { steps: 0, preemptions: 0, promptTokens: 0, generatedTokens: 0 };
  private lastStep = { tookMs: 0, predictedMs: 0, tokens: 0, sequences: 0 };

  constructor(options: StepLoopOptions) {
    this.engine = options.engine;
    this.clock = options.clock;
    this.limits = options.limits;
    this.emit = options.emit;
    this.model = options.model ?? new StepTimeModel();
    this.slots = new Slots(options.engine);
    this.adapters = new AdapterPins((id) => options.engine.dropAdapter(id));
    const { prefixBlockTokens: blockTokens, prefixCacheBytes: maxBytes } = options.limits;
    this.prefixes = new PrefixCache({ blockTokens, maxBytes });
  }

  get isIdle(): boolean {
    return this.sequences.size === 0;
  }

  /** Steps that have been run. */
  get numSteps(): number {
    return this.counters.steps;
  }

  submit(spec: SequenceSpec): void {
    const sequence = new Sequence(spec, this.clock.nowMs());
    const refusal = this.refusal(spec);
    if (refusal !== null) {
      this.emit({ kind: 'end', id: spec.id, reason: 'error', numGenerated: 0, message: refusal });
      return;
    }
    this.shares.arrive(spec.tenant, new Set([...this.sequences.values()].map((other) => other.spec.tenant)));
    this.sequences.set(spec.id, sequence);
    this.adapters.acquire(spec.adapter);
    this.waiting.push(sequence);
  }

  /**
   * Takes effect before the next step: at once, or, where a step is under way, when it is over. Unknown ids are ignored: the
   * sequence may just have ended.
   */
  cancel(id: string): void {
    const sequence = this.sequences.get(id);
    if (sequence === undefined) return;
    if (this.isStepping) this.leaving.add(id);
    else this.end(sequence, 'cancelled', null);
  }

  /** One step. Does nothing when idle. A failing engine ends all sequences with its reason. */
  async runStep(): Promise<void> {
    this.isStepping = true;
    await this.step().finally(() => {
      this.isStepping = false;
    });
    for (const id of this.leaving) this.cancel(id);
    this.leaving.clear();
  }

  private async step(): Promise<void> {
    const decision = this.decide();
    if (decision.preempt !== null) this.preempt(decision.preempt);
    const chunk = this.prepareChunk(decision);
    const decoding = this.slots.running.slice(0, this.slots.numDecoding);
    if (decoding.length === 0 && chunk === null) return;
    const shape = shapeOf(decoding, chunk?.tokens.length ?? 0, chunk?.start ?? 0);
    const startMs = this.clock.nowMs();
    try {
      const decode = decoding.map(({ tokens, spec }, slot) => ({
        slot,
        token: tokens.at(-1)!,
        position: tokens.length - 1,
        adapter: spec.adapter,
      }));
      const logits = await this.engine.step({ decode, chunk });
      this.record(shape, this.clock.nowMs() - startMs);
      this.apply(decoding, chunk, decision.prefill?.sequence ?? null, logits);
    } catch (error) {
      this.failAll(messageOf(error));
    }
  }

  /** Predicted duration of the next step, for watchdogs. */
  predictMs(): number {
    const chunkTokens = this.waiting.length > 0 ? this.limits.maxChunkTokens : 0;
    return this.model.predictMs(shapeOf(this.slots.running, chunkTokens, 0));
  }

  stats(): Omit<EngineStats, 'restarts'> {
    const running = this.slots.running;
    return {
      numRunning: running.length,
      numWaiting: this.waiting.length,
      numSlots: this.engine.numSlots,
      cacheTokens: running.reduce((sum, { tokens }) => sum + tokens.length, 0),
      cacheTokensMax: this.limits.cacheTokens,
      prefixLookupTokens: this.prefixes.lookupTokens,
      prefixHitTokens: this.prefixes.hitTokens,
      prefixBytes: this.prefixes.bytes,
      lastStepMs: this.lastStep.tookMs,
      predictedStepMs: this.lastStep.predictedMs,
      batchTokens: this.lastStep.tokens,
      batchSequences: this.lastStep.sequences,
      prefillTokensPerSecond: this.speed.prefill,
      decodeTokensPerSecond: this.speed.decode,
      ...this.counters,
    };
  }

  /** Throws where an internal rule is broken; for tests. */
  checkIntegrity(): void {
    this.slots.checkIntegrity();
  }

  private refusal(spec: SequenceSpec): string | null {
    if (this.sequences.has(spec.id)) return `a sequence ${spec.id} is running already`;
    const most = Math.min(this.engine.maxContext, this.limits.cacheTokens);
    if (spec.promptTokens.length === 0) return 'the prompt is empty';
    if (spec.adapter !== null && !this.adapters.isUsable(spec.adapter))
      return `the adapter ${spec.adapter} is not loaded`;
    if (spec.promptTokens.length + spec.maxTokens > most) return `prompt and answer exceed ${most} tokens`;
    if (this.waiting.length >= this.limits.maxWaiting) return `${this.waiting.length} sequences wait already`;
    return null;
  }

  private decide(): Decision {
    const input = {
      running: this.slots.running,
      waiting: this.waiting,
      numFreeSlots: this.slots.numFree,
      served: (tenant: string) => this.shares.served(tenant),
      nowMs: this.clock.nowMs(),
    };
    return schedule(input, this.limits, this.model);
  }

  /** What the prefix cache keeps of it need not be computed again. */
  private preempt(sequence: Sequence): void {
    this.keepRows(sequence);
    this.slots.release(sequence);
    sequence.numComputed = 0;
    this.waiting.push(sequence);
    this.counters.preemptions++;
  }

  private prepareChunk({ prefill }: Decision): PrefillChunk | null {
    if (prefill === null) return null;
    const { sequence } = prefill;
    if (sequence.slot === null) this.start(sequence);
    const start = sequence.numComputed;
    const tokens = sequence.tokens.slice(start, start + chunkLength(sequence.numPending, prefill.numTokens));
    const isLast = start + tokens.length === sequence.tokens.length;
    const logits = wantsPromptRow(sequence) ? 'all' : isLast ? 'last' : 'none';
    return { slot: sequence.slot!, start, tokens, logits, adapter: sequence.spec.adapter };
  }

  private start(sequence: Sequence): void {
    this.waiting = this.waiting.filter((other) => other !== sequence);
    this.slots.seat(sequence);
    this.reportStart(sequence);
    if (sequence.promptLogprobs !== null && sequence.numGenerated === 0) return;
    const { cacheScope } = sequence.spec;
    sequence.numComputed = this.prefixes.restore(this.engine, sequence.slot!, cacheScope, sequence.tokens);
    if (!sequence.promptReported) sequence.cachedTokens = Math.min(sequence.numComputed, sequence.numPrompt);
  }

  private record(shape: StepShape, tookMs: number): void {
    const predictedMs = this.model.predictMs(shape);
    this.model.observe(shape, tookMs);
    this.speed.observe(shape, tookMs);
    this.counters.steps++;
    const { decodeRows, chunkTokens } = shape;
    const sequences = decodeRows + (chunkTokens > 0 ? 1 : 0);
    this.lastStep = { tookMs, predictedMs, tokens: decodeRows + chunkTokens, sequences };
  }

  private apply(
    decoding: readonly Sequence[],
    chunk: PrefillChunk | null,
    prefilled: Sequence | null,
    logits: Float32Array,
  ): void {
    const { vocabSize } = this.engine;
    const row = (index: number): Float32Array => logits.subarray(index * vocabSize, (index + 1) * vocabSize);
    // Those that end leave only after all have been applied: leaving moves others.
    const ended: { sequence: Sequence; reason: FinishReason }[] = [];
    decoding.forEach((sequence, index) => {
      sequence.numComputed++;
      const reason = this.take(sequence, row(index));
      if (reason !== null) ended.push({ sequence, reason });
    });
    if (chunk !== null && prefilled !== null) {
      const reason = this.applyChunk(prefilled, chunk, decoding.length, row);
      if (reason !== null) ended.push({ sequence: prefilled, reason });
    }
    for (const { sequence, reason } of ended) this.end(sequence, reason, null);
  }

  private applyChunk(
    sequence: Sequence,
    chunk: PrefillChunk,
    firstRow: number,
    row: (index: number) => Float32Array,
  ): FinishReason | null {
    sequence.numComputed += chunk.tokens.length;
    this.counters.promptTokens += chunk.tokens.length;
    this.shares.charge(sequence.spec.tenant, chunk.tokens.length, 0);
    if (chunk.logits === 'all') collectPromptLogprobs(sequence, chunk, firstRow, row);
    if (sequence.numComputed < sequence.tokens.length) return null;
    this.keepRows(sequence);
    this.reportPrompt(sequence);
    if (sequence.spec.maxTokens === 0) return 'length';
    const lastRow = chunk.logits === 'all' ? firstRow + chunk.tokens.length - 1 : firstRow;
    this.slots.promote(sequence);
    return this.take(sequence, row(lastRow));
  }

  private reportStart(sequence: Sequence): void {
    if (sequence.startedMs !== null) return;
    sequence.startedMs = this.clock.nowMs();
    this.emit({ kind: 'start', id: sequence.spec.id, queueMs: sequence.startedMs - sequence.arrivalMs });
  }

  private reportPrompt(sequence: Sequence): void {
    if (sequence.promptReported) return;
    sequence.promptReported = true;
    const { cachedTokens, promptLogprobs, startedMs, arrivalMs } = sequence;
    const queueMs = (startedMs ?? arrivalMs) - arrivalMs;
    this.emit({ kind: 'prompt', id: sequence.spec.id, cachedTokens, queueMs, promptLogprobs });
  }

  /** Samples the next token; a reason if it was the last. */
  private take(sequence: Sequence, logits: Float32Array): FinishReason | null {
    const { spec } = sequence;
    const numTop = spec.sampling.logprobs;
    const raw = numTop === null ? null : Float32Array.from(logits);
    const token = sample(sequence, logits);
    const logprob = raw === null ? null : logprobOf(raw, token, numTop!);
    sequence.append(token);
    this.counters.generatedTokens++;
    this.shares.charge(spec.tenant, 0, 1);
    this.emit({ kind: 'token', id: spec.id, token, logprob });
    if (spec.stopTokenIds.includes(token)) return 'stop';
    return sequence.numGenerated >= spec.maxTokens ? 'length' : null;
  }

  private end(sequence: Sequence, reason: FinishReason, message: string | null): void {
    if (sequence.slot === null) this.waiting = this.waiting.filter((other) => other !== sequence);
    else this.leave(sequence, reason);
    this.sequences.delete(sequence.spec.id);
    this.adapters.release(sequence.spec.adapter);
    this.emit({ kind: 'end', id: sequence.spec.id, reason, numGenerated: sequence.numGenerated, message });
  }

  /** A finished conversation is likely to go on: its rows are kept for the next turn. */
  private leave(sequence: Sequence, reason: FinishReason): void {
    if (reason === 'stop' || reason === 'length') this.keepRows(sequence);
    this.slots.release(sequence);
  }

  private keepRows({ slot, spec, tokens, numComputed }: Sequence): void {
    const owner = { scope: spec.cacheScope, tenant: spec.tenant };
    this.prefixes.store(this.engine, slot!, owner, tokens, numComputed);
  }

  private failAll(message: string): void {
    for (const sequence of [...this.sequences.values()]) this.end(sequence, 'error', message);
  }
}

/** Whether a prompt's rows are still owed; after a preemption they have been delivered. */
function wantsPromptRow(sequence: Sequence): boolean {
  return sequence.promptLogprobs !== null && sequence.promptLogprobs.length < sequence.numPrompt;
}

function collectPromptLogprobs(
  sequence: Sequence,
  chunk: PrefillChunk,
  firstRow: number,
  row: (index: number) => Float32Array,
): void {
  const numTop = sequence.spec.sampling.promptLogprobs ?? 0;
  chunk.tokens.forEach((_, index) => {
    const position = chunk.start + index + 1;
    const isNext = position === sequence.promptLogprobs!.length && position < sequence.numPrompt;
    if (isNext)
      sequence.promptLogprobs!.push(logprobOf(row(firstRow + index), sequence.tokens[position]!, numTop));
  });
}
