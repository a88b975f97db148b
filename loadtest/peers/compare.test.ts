import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, medianOf, medianRatio } from './compare.ts';
import type { Measure, Subject } from './measures.ts';

const subjects = ['ours', 'theirs'].map((name) => ({ server: { name } }) as unknown as Subject);

test('each load of a server has a seed of its own, the same for all servers', async () => {
  const seeds = new Map<string, number[]>();
  const measures = ['a', 'b', 'c'].map(
    (name): Measure => ({
      name,
      unit: 'ms',
      higherIsBetter: false,
      async run({ server }, seed) {
        seeds.set(server.name, [...(seeds.get(server.name) ?? []), seed]);
        return seed;
      },
    }),
  );
  await compare(subjects, { measures, rounds: 4, onSample: () => {} });
  assert.equal(new Set(seeds.get('ours')).size, 12);
  assert.deepEqual(seeds.get('ours'), seeds.get('theirs'));
});

test('medians are over rounds, ratios within them', () => {
  const values = { ours: [10, 40, 20], theirs: [5, 10, 20] };
  const samples = Object.entries(values).flatMap(([server, list]) =>
    list.map((value, round) => ({ measure: 'm', server, round, value })),
  );
  assert.equal(medianOf(samples, 'm', 'ours'), 20);
  assert.equal(medianRatio(samples, 'm', ['ours', 'theirs']), 2);
  assert.equal(medianOf(samples, 'm', 'nobody'), null);
});
