import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noTenantAliases } from '../../core/registry/aliases.ts';
import { Placing, type PlacingParts } from './placing.ts';

/** A version that waits, and a server that can serve it from the second time on. */
function waiting(nowMs: () => number) {
  const tried: number[] = [];
  const trial = { waiting: 'a' as string | null };
  const parts: PlacingParts = {
    model: 'm',
    tenant: 't',
    trial,
    rollout: {
      of: () => noTenantAliases,
      isWanted: async () => true,
      promote: async () => {
        tried.push(nowMs());
        if (tried.length === 1) throw new Error('not now');
        return noTenantAliases;
      },
      setCanary: async () => noTenantAliases,
    },
    canaryShare: 0,
    now: nowMs,
    save: async () => {},
    onPlaced: () => {},
    onProblem: () => {},
  };
  return { placing: new Placing(parts), tried, trial };
}

test('a version that waits is tried again after a moment, also when the clock was set back meanwhile', async () => {
  let nowMs = 7_200_000;
  const { placing, tried, trial } = waiting(() => nowMs);
  const advance = async () => {
    placing.advance();
    await placing.close();
  };
  await advance();
  await advance();
  assert.deepEqual(tried, [7_200_000], 'not at once');
  nowMs -= 3_600_000;
  await advance();
  assert.deepEqual(tried, [7_200_000, 3_600_000]);
  assert.equal(trial.waiting, null);
});
