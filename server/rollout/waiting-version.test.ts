import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../../core/rng.ts';
import { type Placement, placementOf, waitingAfter } from './waiting-version.ts';

const trying = (adapter: string) => ({ stable: 's', canary: { adapter, share: 0.1 } });
const calm = { stable: 's', canary: null };

test('a version is tried out or served at once, as the share says, unless another one is tried out', () => {
  const cases: readonly (readonly [Placement, ReturnType<typeof trying> | typeof calm, number])[] = [
    ['canary', calm, 0.1],
    ['stable', calm, 0],
    ['waiting', trying('x'), 0.1],
    ['waiting', trying('x'), 0],
    ['served', trying('new'), 0.1],
    ['served', { stable: 'new', canary: null }, 0.1],
  ];
  for (const [expected, aliases, share] of cases)
    assert.equal(placementOf(aliases, 'new', share), expected, JSON.stringify(aliases));
});

test('the newest one waits, and nobody waits any more once a newer one is served', () => {
  assert.equal(waitingAfter(null, 'a', 'waiting'), 'a');
  assert.equal(waitingAfter('a', 'b', 'waiting'), 'b');
  assert.equal(waitingAfter('a', 'b', 'canary'), null);
  assert.equal(waitingAfter('a', 'b', 'stable'), null);
  assert.equal(waitingAfter('b', 'a', 'served'), 'b', 'an event that comes twice changes nothing');
  assert.equal(waitingAfter('a', 'a', 'served'), null);
});

test('whatever the order of publications and ends, one is tried out at a time, and the newest is never lost', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const rng = createRng(seed);
    let canary: string | null = null;
    let waiting: string | null = null;
    let newest = 0;
    const aliases = () => ({
      stable: null,
      canary: canary === null ? null : { adapter: canary, share: 0.1 },
    });
    for (let step = 0; step < 40; step++) {
      if (rng.next() < 0.6) {
        const adapter = String(++newest);
        const placement = placementOf(aliases(), adapter, 0.1);
        assert.equal(placement, canary === null ? 'canary' : 'waiting', `seed ${seed}`);
        if (placement === 'canary') canary = adapter;
        waiting = waitingAfter(waiting, adapter, placement);
      } else {
        canary = null;
        if (waiting === null) continue;
        assert.equal(placementOf(aliases(), waiting, 0.1), 'canary', `seed ${seed}`);
        canary = waiting;
        waiting = null;
      }
      assert.ok(newest === 0 || canary === String(newest) || waiting === String(newest), `seed ${seed}`);
    }
  }
});
