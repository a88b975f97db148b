/** Passages with what a made-up model says to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Anchor } from '../anchors/anchor-set.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Candidate } from './candidate.ts';
import { gateDefaults } from './gate-options.ts';
import { Parent } from './parent.ts';
import { passageChecks } from './passages.ts';

const numTokens = 20;
const options = { ...gateDefaults, numPassages: 2, numAnchors: 2, maxLooks: 3, maxDivergence: 1 };
const [values, parentValues]: readonly Parameters[] = [new Map(), new Map()];

/** `loss` is what the candidate has lost at a token of a passage; the parent has lost half a nat everywhere. */
function candidateOf(loss: (passage: number, token: number) => number, turn = 0) {
  const scored: number[] = [];
  const anchor = (index: number): Anchor => ({
    text: { tokens: [index, ...Array.from({ length: numTokens }, () => 0)], from: 1 },
    rows: [0, 4],
    logits: new Float32Array(4),
    logprobs: new Float32Array(numTokens).fill(-1),
  });
  const score = (of: Parameters, passage: number) => ({
    logprobs: Float32Array.from({ length: numTokens }, (_, token) =>
      of === values ? -1 - loss(passage, token) : -1.5,
    ),
    best: new Float32Array(numTokens),
    logits: new Float32Array(2 * numTokens),
  });
  const scoreAll = async (of: Parameters, texts: readonly Anchor['text'][]) =>
    texts.map(({ tokens }) => score(of, tokens[0]!));
  const model = {
    base: { config: { vocabSize: 2 } },
    gateAnchors: { get: async (index: number) => anchor(index) },
    level: {
      some: async (from: number, count: number) =>
        Array.from({ length: count }, (_, index) => anchor(from + index)),
    },
    forward: { score: scoreAll },
    scores: {
      score(of: Parameters, texts: readonly Anchor['text'][]) {
        if (of === values) scored.push(...texts.map(({ tokens }) => tokens[0]!));
        return scoreAll(of, texts);
      },
    },
  };
  const parentOf = (own: Parameters | null) => new Parent(model as unknown as Candidate['model'], own);
  const parent = parentOf(parentValues!);
  const candidate = { model, values, parent, learned: [], earlier: [], turn } as unknown as Candidate;
  return { candidate, scored, base: parentOf(null) };
}

const verdictsOf = async (candidate: Candidate): Promise<string[]> =>
  (await passageChecks(candidate, options)).map(({ verdict }) => verdict);

test('where there is no doubt, no more passages are looked at; others at the next turn', async () => {
  const good = candidateOf(() => 0);
  assert.deepEqual(await verdictsOf(good.candidate), ['pass', 'pass', 'pass']);
  assert.deepEqual(good.scored, [0, 1]);
  const bad = candidateOf(() => 3, 5);
  assert.deepEqual(await verdictsOf(bad.candidate), ['pass', 'fail', 'fail']);
  assert.deepEqual(bad.scored, [5, 6]);
});

test('a loss is measured against the parent and against the base', async () => {
  const { candidate, base } = candidateOf(() => 0.5);
  assert.deepEqual(await verdictsOf(candidate), ['pass', 'pass', 'fail']);
  const checks = await passageChecks({ ...candidate, parent: base }, options);
  assert.ok(Math.abs(checks[1]!.value! - 0.5) < 1e-6);
  assert.ok(Math.abs(checks[2]!.value! - 0.5) < 1e-6);
});

test('a doubt is settled by more passages', async () => {
  /** The first passages are worse by chance, the others are as they were. */
  const loss = (passage: number, token: number): number => (passage < 2 ? (token === 0 ? 3 : 0) : -0.05);
  const { candidate, scored } = candidateOf(loss);
  assert.deepEqual(await verdictsOf(candidate), ['pass', 'pass', 'pass']);
  assert.ok(scored.length > 2 && scored.length <= 6);
  assert.deepEqual(scored, [...scored.keys()]);
});

test('a doubt that stays is told as one, after the most passages that are allowed', async () => {
  const { candidate, scored } = candidateOf((_, token) => (token === 0 ? 2 : 0));
  assert.deepEqual(await verdictsOf(candidate), ['pass', 'pass', 'inconclusive']);
  assert.deepEqual(scored, [0, 1, 2, 3, 4, 5]);
});
