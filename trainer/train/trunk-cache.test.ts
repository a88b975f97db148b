import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheTrunk } from './trunk-cache.ts';
import type { TrunkSession } from './trunk-session.ts';

/** A residual of two numbers a token, and a count of the texts that were computed. */
function counted(): { trunk: TrunkSession; computed: string[] } {
  const computed: string[] = [];
  const trunk: TrunkSession = {
    async prepare(texts) {
      return texts.map((text) => {
        computed.push(text.tokens.join());
        return { ...text, residual: Float32Array.from(text.tokens.flatMap((token) => [token, -token])) };
      });
    },
    close: async () => {},
  };
  return { trunk, computed };
}

const text = (...tokens: number[]) => ({ tokens, from: 1 });
const bytesOf = (numTokens: number) => numTokens * 2 * 4;

test('a text that was prepared before is not computed again, and comes out the same, with its own place', async () => {
  const { trunk, computed } = counted();
  const cache = cacheTrunk(trunk, 1e6);
  await cache.prepare([text(1, 2, 3)]);
  const [again, other] = await cache.prepare([{ tokens: [1, 2, 3], from: 2 }, text(4)]);
  assert.deepEqual(computed, ['1,2,3', '4']);
  assert.equal(again!.from, 2);
  assert.deepEqual([...again!.residual!], [1, -1, 2, -2, 3, -3]);
  assert.deepEqual([...other!.residual!], [4, -4]);
});

test('a text that comes twice at once is computed once', async () => {
  const { trunk, computed } = counted();
  const ready = await cacheTrunk(trunk, 1e6).prepare([text(7, 8), text(7, 8)]);
  assert.deepEqual(computed, ['7,8']);
  assert.deepEqual(ready[0]!.residual, ready[1]!.residual);
});

test('the longest unused texts leave, and one that finds no room is prepared all the same', async () => {
  const { trunk, computed } = counted();
  const cache = cacheTrunk(trunk, bytesOf(4));
  await cache.prepare([text(1, 1)]);
  await cache.prepare([text(2, 2)]);
  await cache.prepare([text(1, 1)]);
  await cache.prepare([text(3, 3)]);
  computed.length = 0;
  await cache.prepare([text(1, 1), text(3, 3)]);
  assert.deepEqual(computed, []);
  const [large] = await cache.prepare([text(5, 5, 5, 5, 5)]);
  assert.equal(large!.residual!.byteLength, bytesOf(5));
});
