/**
 * Whether it is true what the refused are told, in a simulation: an engine of slots that share the machine, with prompts one
 * after the other, three times as many requests as it can do for a while, and then only those that were refused last, each
 * when it was told to come.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { createRng, type Rng } from '../../core/rng.ts';
import { type InferenceEngine, noStats } from '../batching/engine.ts';
import { Admission, type Admitted } from './admission.ts';

interface Machine {
  readonly numSlots: number;
  readonly prefillTokensPerSecond: number;
  /** Of all sequences together, where all slots are busy; one alone is as fast as its share and a half. */
  readonly decodeTokensPerSecond: number;
}

interface Sequence {
  readonly admitted: Admitted;
  promptTokens: number;
  tokens: number;
}

const [promptTokens, answerTokens, stepMs, overloadMs, retriedMs] = [128, 32, 5, 20_000, 5_000] as const;

class World {
  nowMs = 0;
  readonly admission: Admission;
  private readonly machine: Machine;
  private readonly rng: Rng;
  private readonly waiting: Sequence[] = [];
  private running: Sequence[] = [];

  constructor(machine: Machine, rng: Rng) {
    [this.machine, this.rng] = [machine, rng];
    const stats = { ...noStats, ...machine };
    const engine = { state: () => 'ready', stats: () => stats } as unknown as InferenceEngine;
    const limits = { maxWaiting: 64, maxWaitMs: 500 };
    this.admission = new Admission(engine, limits, { nowMs: () => this.nowMs });
  }

  /** Milliseconds until it may come again; null where it was let in. */
  ask(): number | null {
    try {
      const admitted = this.admission.admit({ tenant: 'a', numSequences: 1, promptTokens });
      const tokens = answerTokens * (0.5 + this.rng.next());
      this.waiting.push({ admitted, promptTokens, tokens });
      return null;
    } catch (error) {
      if (error instanceof MillraceError) return Number(error.details.retryAfterMs);
      throw error;
    }
  }

  step(): void {
    this.nowMs += stepMs;
    const { numSlots, prefillTokensPerSecond, decodeTokensPerSecond } = this.machine;
    while (this.running.length < numSlots && this.waiting.length > 0)
      this.running.push(this.waiting.shift()!);
    const seconds = stepMs / 1_000;
    const inPrefill = this.running.find((each) => each.promptTokens > 0);
    if (inPrefill !== undefined) {
      inPrefill.promptTokens -= prefillTokensPerSecond * seconds;
      if (inPrefill.promptTokens <= 0) inPrefill.admitted.started();
    }
    const decoding = this.running.filter((each) => each.promptTokens <= 0);
    const share = Math.min(1.5 / numSlots, 1 / decoding.length);
    for (const each of decoding) each.tokens -= decodeTokensPerSecond * share * seconds;
    this.running = this.running.filter((each) => {
      if (each.tokens > 0) return true;
      each.admitted.ended(answerTokens);
      return false;
    });
  }
}

/** Of those that were refused in the last seconds of the overload, the share that is let in when it comes again. */
function shareLetIn(machine: Machine, seed: number): number {
  const rng = createRng(seed);
  const world = new World(machine, rng);
  const perSecond = Math.min(
    machine.decodeTokensPerSecond / answerTokens,
    machine.prefillTokensPerSecond / promptTokens,
  );
  const due: number[] = [];
  let nextMs = 0;
  for (; world.nowMs < overloadMs; world.step()) {
    while (nextMs <= world.nowMs) {
      const retryMs = world.ask();
      if (retryMs !== null && world.nowMs > overloadMs - retriedMs) due.push(world.nowMs + retryMs);
      nextMs += (-Math.log(1 - rng.next()) * 1_000) / (3 * perSecond);
    }
  }
  due.sort((a, b) => a - b);
  let numLetIn = 0;
  for (const atMs of due) {
    while (world.nowMs < atMs) world.step();
    if (world.ask() === null) numLetIn++;
  }
  assert.ok(due.length > 10, `${due.length} were refused`);
  return numLetIn / due.length;
}

const machines: Readonly<Record<string, Machine>> = {
  slots: { numSlots: 8, prefillTokensPerSecond: 4_000, decodeTokensPerSecond: 140 },
  prompts: { numSlots: 8, prefillTokensPerSecond: 400, decodeTokensPerSecond: 400 },
  both: { numSlots: 8, prefillTokensPerSecond: 560, decodeTokensPerSecond: 140 },
};
for (const [scarce, machine] of Object.entries(machines)) {
  test(`of those that come back when they are told nearly all are let in, where what is scarce is ${scarce}`, () => {
    const shares = Array.from({ length: 10 }, (_, seed) => shareLetIn(machine, seed));
    assert.ok(shares.reduce((sum, share) => sum + share, 0) / shares.length >= 0.95, shares.join(' '));
  });
}
