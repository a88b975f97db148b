import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createRng, nextGaussian } from '../../core/rng.ts';
import { fixturePath } from '../../test/root.ts';
import { greedy, type SamplingParams } from './request.ts';
import { argmax, logprobOf, sample } from './sampler.ts';
import { Sequence } from './sequence.ts';
import { topIndices } from './top.ts';

const open: SamplingParams = { ...greedy, temperature: 1, seed: 1 };

function createSequence(sampling: Partial<SamplingParams>, promptTokens = [0]): Sequence {
  const rest = { maxTokens: 9, stopTokenIds: [], priority: 0, tenant: '', adapter: null, cacheScope: '' };
  const spec = {
    id: '',
    promptTokens,
    sampling: { ...open, ...sampling },
    ttftTargetMs: 1,
    tpotTargetMs: 1,
    ...rest,
  };
  return new Sequence(spec, 0);
}

interface Case {
  readonly params: Partial<SamplingParams>;
  readonly prompt: readonly number[];
  readonly logits: readonly number[];
  /** By token; those that are left out are 0. */
  readonly probabilities: Readonly<Record<string, number>>;
}

/** From test/parity/sampling.py: the distributions that Transformers' logits processors leave. */
const cases = JSON.parse(readFileSync(fixturePath('sampling.json'), 'utf8')) as readonly Case[];
const numDraws = 20_000;

describe(`draws follow Transformers' distribution over ${cases.length} settings`, () => {
  for (const { params, prompt, logits, probabilities } of cases) {
    test(JSON.stringify(params), () => {
      const sequence = createSequence(params, [...prompt]);
      const counts = new Map<number, number>();
      for (let draw = 0; draw < numDraws; draw++) {
        const token = sample(sequence, Float32Array.from(logits));
        counts.set(token, (counts.get(token) ?? 0) + 1);
      }
      for (const token of counts.keys()) assert.ok(probabilities[token], `token ${token} must not be drawn`);
      // Pearson's chi-square over cells that expect at least five; its mean is the degrees of freedom, its variance
      // twice that, so that six deviations leave no room for chance.
      const cells = Object.entries(probabilities).filter(([, share]) => share * numDraws >= 5);
      const chiSquare = cells.reduce((sum, [token, share]) => {
        const expected = share * numDraws;
        return sum + ((counts.get(Number(token)) ?? 0) - expected) ** 2 / expected;
      }, 0);
      const most = cells.length + 6 * Math.sqrt(2 * cells.length);
      assert.ok(chiSquare < most, `chi-square ${chiSquare.toFixed(1)}, at most ${most.toFixed(1)}`);
    });
  }
});

test('the largest values are found, of equal ones the first', () => {
  const values = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(values, fc.nat(45), (numbers, count) => {
      const row = Float32Array.from(numbers);
      const sorted = [...numbers.keys()].sort((a, b) => numbers[b]! - numbers[a]! || a - b);
      assert.equal(argmax(row), sorted[0]);
      assert.deepEqual(topIndices(row, count), sorted.slice(0, count));
    }),
  );
});

test('log probabilities sum to one and keep the order of the logits', () => {
  const rng = createRng(3);
  const logits = Float32Array.from({ length: 300 }, () => 10 * nextGaussian(rng));
  const { top } = logprobOf(logits, 0, 300);
  const sum = top.reduce((total, [, logprob]) => total + Math.exp(logprob), 0);
  assert.ok(Math.abs(sum - 1) < 1e-5);
  assert.deepEqual(
    top.map(([token]) => token),
    topIndices(logits, 300),
  );
});

test('penalties count as OpenAI defines them', () => {
  const sequence = createSequence({ temperature: 0, frequencyPenalty: 0.5, presencePenalty: 0.25 }, [2]);
  for (const token of [0, 0, 1]) sequence.append(token);
  const logits = Float32Array.from([3, 3, 3]);
  sample(sequence, logits);
  // The prompt's own token 2 is not counted.
  assert.deepEqual([...logits], [3 - 2 * 0.5 - 0.25, 3 - 0.5 - 0.25, 3]);
});

test('a bias of -100 bans a token and one of 100 forces it', () => {
  const logits = [5, 4, 3];
  assert.equal(
    sample(createSequence({ logitBias: [[0, -100]], temperature: 0 }), Float32Array.from(logits)),
    1,
  );
  assert.equal(sample(createSequence({ logitBias: [[2, 100]] }), Float32Array.from(logits)), 2);
});

test('the output is drawn along the guide to its end, and never again once it has left it', () => {
  const sequence = createSequence({ temperature: 0, guide: { tokens: [2, 1], bias: 4 } });
  const spec = { ...sequence.spec, stopTokenIds: [3] };
  const say = (each: Sequence, logits: readonly number[]): number => {
    const token = sample(each, Float32Array.from(logits));
    each.append(token);
    return token;
  };
  const follows = new Sequence(spec, 0);
  // By less than the bias another token is likelier each time.
  assert.deepEqual(
    [
      say(follows, [3, 0, 0, 0]),
      say(follows, [3, 0, 0, 0]),
      say(follows, [3, 0, 0, 0]),
      say(follows, [3, 0, 0, 0]),
    ],
    [2, 1, 3, 0],
  );
  const leaves = new Sequence(spec, 0);
  assert.deepEqual([say(leaves, [5, 0, 0, 0]), say(leaves, [3, 0, 0, 0])], [0, 0]);
});

test('a seed fixes the draws whatever the settings of earlier tokens', () => {
  const logits = Float32Array.from({ length: 50 }, (_, index) => Math.sin(index));
  const draws = (sequence: Sequence): number[] =>
    Array.from({ length: 20 }, () => sample(sequence, Float32Array.from(logits)));
  assert.deepEqual(draws(createSequence({ seed: 5 })), draws(createSequence({ seed: 5 })));
  assert.notDeepEqual(draws(createSequence({ seed: 5 })), draws(createSequence({ seed: 6 })));
});
