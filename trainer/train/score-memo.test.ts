import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Parameters } from './gradient-session.ts';
import type { Text } from './lesson.ts';
import { ScoreMemo } from './score-memo.ts';

const textOf = (token: number): Text => ({ tokens: [token, 0], from: 1 });

function memoOf() {
  const asked: number[] = [];
  const memo = new ScoreMemo({
    async score(_, texts) {
      const tokens = texts.map(({ tokens: [token] }) => token!);
      asked.push(...tokens);
      return tokens.map((token) => ({
        logprobs: Float32Array.of(-token),
        best: Float32Array.of(0),
        logits: new Float32Array(),
      }));
    },
  });
  const say = async (values: Parameters, tokens: readonly number[]) =>
    (await memo.score(values, tokens.map(textOf))).map(({ logprobs }) => -logprobs[0]!);
  return { asked, say };
}

test('a version is asked for each text once, in whatever order and company; another version by itself', async () => {
  const { asked, say } = memoOf();
  const [one, other]: readonly Parameters[] = [new Map(), new Map()];
  assert.deepEqual(await say(one!, [1, 2]), [1, 2]);
  assert.deepEqual(await say(one!, [3, 2, 1]), [3, 2, 1]);
  assert.deepEqual(asked, [1, 2, 3]);
  assert.deepEqual(await say(other!, [2]), [2]);
  assert.deepEqual(asked, [1, 2, 3, 2]);
});

test('of many texts the first ones are forgotten, and more than are kept are answered at once', async () => {
  const { asked, say } = memoOf();
  const values: Parameters = new Map();
  const many = Array.from({ length: 300 }, (_, index) => index + 1);
  assert.deepEqual(await say(values, many), many);
  await say(values, [300]);
  assert.equal(asked.length, 300);
  await say(values, [1]);
  assert.equal(asked.length, 301);
});
