import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figure } from './figure.ts';
import { judge, type Measured, merge, parseThreshold } from './threshold.ts';
import { thresholdsIn } from './threshold-file.ts';

const ms = (path: string, value: number | null): Figure => ({ path, value, unit: 'ms' });
const steady: Measured = {
  name: 'steady',
  figures: [{ path: 'speedRatio', value: 0.9, unit: 'ratio' }],
  loads: [
    { name: 'closed', figures: [ms('ttft.p99', 400), { path: 'failed.share', value: 0, unit: 'share' }] },
    { name: 'poisson', figures: [ms('ttft.p99', 600), { path: 'failed.share', value: 0.02, unit: 'share' }] },
  ],
};
const burst: Measured = {
  name: 'burst',
  figures: [],
  loads: [{ name: 'burst', figures: [ms('ttft.p99', null)] }],
};

const verdicts = (text: string, measured = [steady, burst]): Record<string, boolean> =>
  Object.fromEntries(judge(parseThreshold(text), measured).map(({ path, isMet }) => [path, isMet]));

test('a threshold is a scenario, a figure and a bound, in the unit that it names', () => {
  const { scenario, figure, operator, value, unit } = parseThreshold('long-prompts.closed.ttft.p99 <= 0.5s');
  assert.deepEqual(
    [scenario, figure, operator, value, unit],
    ['long-prompts', 'closed.ttft.p99', '<=', 500, 'ms'],
  );
  assert.equal(parseThreshold('a.b<1%').value, 0.01);
  assert.equal(parseThreshold('a.b>=1.2x').unit, 'ratio');
  assert.equal(parseThreshold('a.b>250us').value, 0.25);
  assert.equal(parseThreshold('a.b>3').unit, null);
});

test('what is no threshold is refused, and told what one looks like', () => {
  for (const text of [
    '',
    'steady',
    'steady<=1',
    'steady.ttft==1ms',
    'steady.ttft<=',
    'steady.ttft<=1 min',
    'a.b<=-1',
    'a..b<1',
  ]) {
    assert.throws(() => parseThreshold(text), /is no threshold.*steady\.ttft\.p99<=500ms/, text);
  }
});

test('it holds for the load that it names, or for each load', () => {
  assert.deepEqual(verdicts('steady.closed.ttft.p99<=500ms'), { 'steady.closed.ttft.p99': true });
  assert.deepEqual(verdicts('steady.ttft.p99<=500ms'), {
    'steady.closed.ttft.p99': true,
    'steady.poisson.ttft.p99': false,
  });
  assert.deepEqual(verdicts('steady.speedRatio>=0.9x'), { 'steady.speedRatio': true });
  assert.deepEqual(verdicts('steady.speedRatio>0.9x'), { 'steady.speedRatio': false });
  assert.deepEqual(verdicts('steady.failed.share<=1%'), {
    'steady.closed.failed.share': true,
    'steady.poisson.failed.share': false,
  });
});

test('for all scenarios it is judged where the figure is; what was not measured is missed', () => {
  assert.deepEqual(verdicts('*.ttft.p99<=1s'), {
    'steady.closed.ttft.p99': true,
    'steady.poisson.ttft.p99': true,
    'burst.burst.ttft.p99': false,
  });
  assert.deepEqual(Object.keys(verdicts('*.failed.share<=1%')).length, 2);
});

test('one that nothing was measured for, or in another unit, is an error and not met', () => {
  assert.throws(
    () => verdicts('steady.ttft.p98<=1s'),
    /no such figure. It has steady\.speedRatio, steady\.closed/,
  );
  assert.throws(() => verdicts('steady.ttft.p99<=10%'), /is measured in ms/);
  assert.throws(() => verdicts('overload.ttft.p99<=1s'), /overload was not run. Run: steady, burst/);
});

test('a threshold takes the place of a default on the same figure', () => {
  const [defaults, chosen] = [
    ['a.x<=1', 'a.y<=1'],
    ['a.x<=5', 'b.x<=1'],
  ].map((texts) => texts.map(parseThreshold));
  assert.deepEqual(
    merge(defaults!, chosen!).map(({ text }) => text),
    ['a.y<=1', 'a.x<=5', 'b.x<=1'],
  );
});

test('a file is a list in YAML or JSON; what is wrong with it is named with its place', () => {
  const texts = (text: string) => thresholdsIn(text, 'bounds.yaml').map((each) => each.text);
  assert.deepEqual(texts('- a.x <= 1s\n- b.y > 2x\n'), ['a.x <= 1s', 'b.y > 2x']);
  assert.deepEqual(texts('["a.x <= 1s"]'), ['a.x <= 1s']);
  assert.throws(() => texts('a: 1'), /bounds\.yaml must hold a list/);
  assert.throws(() => texts('- a.x <= 1s\n- 5\n'), /bounds\.yaml, entry 2: expected a text/);
  assert.throws(() => texts('- a.x\n'), /bounds\.yaml, entry 1: "a\.x" is no threshold/);
  assert.throws(() => texts('- ['), /neither YAML nor JSON/);
});
