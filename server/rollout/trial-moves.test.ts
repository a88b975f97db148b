import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noTenantAliases, type TenantAliases } from '../../core/registry/aliases.ts';
import { concluded, type TrialEnd } from './trial-moves.ts';

const aliases: TenantAliases = {
  ...noTenantAliases,
  stable: 'b',
  previous: [null, 'a'],
  canary: { adapter: 'c', share: 0.1 },
  pinned: true,
};
const after = (adapter: string, end: TrialEnd) => concluded(aliases, adapter, { end, at: 'now' });

test('a canary that won is stable, and can be rolled back from; a pin stays', () => {
  const { stable, canary, previous, servedSince, pinned } = after('c', 'promote');
  assert.deepEqual(
    { stable, canary, previous, servedSince, pinned },
    { stable: 'c', canary: null, previous: [null, 'a', 'b'], servedSince: { c: 'now' }, pinned: true },
  );
});

test('a canary that did harm is taken back; one that only lost is dropped, and may come again', () => {
  const harmful = after('c', 'take-back');
  assert.deepEqual([harmful.stable, harmful.canary, harmful.rolledBack], ['b', null, ['c']]);
  const lost = after('c', 'drop');
  assert.deepEqual([lost.stable, lost.canary, lost.rolledBack], ['b', null, []]);
});

test('a stable version that did harm goes, and the canary beside it stays', () => {
  const { stable, canary, previous, rolledBack } = after('b', 'take-back');
  assert.deepEqual(
    { stable, canary, previous, rolledBack },
    { stable: 'a', canary: aliases.canary, previous: [null], rolledBack: ['b'] },
  );
});

test('nothing is done about a version that is no longer where its trial was', () => {
  for (const [adapter, end] of [
    ['x', 'take-back'],
    ['a', 'take-back'],
    ['b', 'promote'],
    ['b', 'drop'],
    ['x', 'promote'],
  ] as const)
    assert.equal(after(adapter, end), aliases, `${end} ${adapter}`);
});
