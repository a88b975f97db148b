import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeEngine } from '../models/fake-engine.ts';
import type { StepEngine } from './engine.ts';
import { PrefixCache } from './prefix-cache.ts';

const blockTokens = 4;
/** The fake engine's rows take four bytes each. */
const blockBytes = blockTokens * 4;
const tokens = [5, 3, 8, 1, 9, 9, 2, 7, 4, 6];

const owner = (scope: string, tenant = scope) => ({ scope, tenant });

async function filled(numSlots = 4): Promise<StepEngine> {
  const engine = createFakeEngine({ numSlots, maxContext: 64 });
  await engine.step({ decode: [], chunk: { slot: 0, start: 0, tokens, logits: 'none', adapter: null } });
  return engine;
}

test('a stored prefix comes back in whole blocks, and its rows lead to the same token', async () => {
  const engine = await filled();
  const cache = new PrefixCache({ blockTokens, maxBytes: 1000 });
  cache.store(engine, 0, owner('scope'), tokens, tokens.length);
  assert.equal(cache.restore(engine, 1, 'scope', tokens), 8);
  const rest = { start: 8, tokens: tokens.slice(8), logits: 'last' as const, adapter: null };
  const [fromCache, computed] = [
    Float32Array.from(await engine.step({ decode: [], chunk: { slot: 1, ...rest } })),
    await engine.step({ decode: [], chunk: { slot: 0, ...rest } }),
  ];
  assert.deepEqual(fromCache, computed);
});

test('at least one token is left to compute', async () => {
  const engine = await filled();
  const cache = new PrefixCache({ blockTokens, maxBytes: 1000 });
  cache.store(engine, 0, owner('scope'), tokens, 8);
  assert.equal(cache.restore(engine, 1, 'scope', tokens.slice(0, 8)), 4);
});

test('neither another scope nor another beginning finds a block', async () => {
  const engine = await filled();
  const cache = new PrefixCache({ blockTokens, maxBytes: 1000 });
  cache.store(engine, 0, owner('tenant a'), tokens, tokens.length);
  assert.equal(cache.restore(engine, 1, 'tenant b', tokens), 0);
  assert.equal(cache.restore(engine, 1, 'tenant a', [0, ...tokens.slice(1)]), 0);
  // The second block's own tokens are equal, what came before them is not.
  assert.equal(cache.restore(engine, 1, 'tenant a', [0, 0, 0, 0, ...tokens.slice(4)]), 0);
});

test('the least recently used block goes first, within the bytes allowed', async () => {
  const engine = await filled();
  const cache = new PrefixCache({ blockTokens, maxBytes: 2 * blockBytes });
  const prompts = [1, 2, 3].map((first) => [first, 0, 0, 0, 0, 0]);
  for (const prompt of prompts.slice(0, 2)) cache.store(engine, 0, owner('scope'), prompt, 4);
  assert.equal(cache.restore(engine, 1, 'scope', prompts[0]!), 4);
  cache.store(engine, 0, owner('scope'), prompts[2]!, 4);
  assert.equal(cache.bytes, 2 * blockBytes);
  assert.deepEqual(
    prompts.map((prompt) => cache.restore(engine, 1, 'scope', prompt)),
    [4, 0, 4],
  );
});

test('a scope that fills the cache cannot drive out another scope', async () => {
  const engine = await filled();
  const cache = new PrefixCache({ blockTokens, maxBytes: 4 * blockBytes });
  cache.store(engine, 0, owner('quiet'), tokens, 4);
  for (let first = 0; first < 20; first++) cache.store(engine, 0, owner('loud'), [first, 0, 0, 0], 4);
  assert.equal(cache.restore(engine, 1, 'quiet', tokens), 4);
});

test('a tenant of many scopes cannot drive out another tenant', async () => {
  const engine = await filled();
  const cache = new PrefixCache({ blockTokens, maxBytes: 8 * blockBytes });
  cache.store(engine, 0, owner('quiet'), tokens, 4);
  for (let first = 0; first < 20; first++) {
    cache.store(engine, 0, owner(`loud, adapter ${first % 4}`, 'loud'), [first, 0, 0, 0], 4);
  }
  assert.equal(cache.restore(engine, 1, 'quiet', tokens), 4);
});

test('without room for one block nothing is kept', async () => {
  const engine = await filled();
  const cache = new PrefixCache({ blockTokens, maxBytes: blockBytes - 1 });
  cache.store(engine, 0, owner('scope'), tokens, tokens.length);
  assert.equal(cache.bytes, 0);
});
