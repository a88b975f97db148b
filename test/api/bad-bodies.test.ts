/** Bodies that must be refused: with the right status, naming the field, at once, and with the server unhurt. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { repoRoot } from '../root.ts';
import { bodyAttacks, goodFields } from './body-attacks.ts';
import { type Gateway, post, startGateway, stillServes } from './gateway.ts';

const maxRefusalMs = 1_000;

describe('bodies that must be refused', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway.close());

  for (const { name, attack, body, param, status = 400, path = '/v1/completions' } of bodyAttacks) {
    test(`${attack === null ? '' : `${attack} `}${path} ${name}`, async () => {
      const text = typeof body === 'string' ? body : JSON.stringify({ ...goodFields[path], ...body });
      const startMs = performance.now();
      const answer = await post(gateway.url + path, text);
      const tookMs = performance.now() - startMs;
      const answered = (await answer.json()) as { error?: Record<string, unknown> };
      assert.equal(answer.status, status, JSON.stringify(answered).slice(0, 300));
      assert.deepEqual(Object.keys(answered.error ?? {}).sort(), ['code', 'message', 'param', 'type']);
      assert.equal(answered.error!.type, 'invalid_request_error');
      assert.equal(typeof answered.error!.message, 'string');
      if (param !== null)
        assert.equal(String(answered.error!.param).split(/[.[]/)[0], param.split(/[.[]/)[0]);
      assert.doesNotMatch(JSON.stringify(answered), /node_modules|\.ts:|at \w+ \(/);
      assert.ok(!JSON.stringify(answered).includes(repoRoot));
      assert.ok(tookMs < maxRefusalMs, `refused after ${tookMs} ms`);
      assert.equal(gateway.engine.stats().numRunning + gateway.engine.stats().numWaiting, 0);
      await stillServes(gateway);
    });
  }
});
